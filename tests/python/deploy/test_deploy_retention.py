"""`release prune`: nothing that runs, could be returned to, or is a verdict, ever goes."""

import itertools
import os
import shutil
import time
from pathlib import Path

import pytest

from fault_proxy import proxied, resets
from model_devops.release.layout import LayoutStore
from registries import distribution, plain_registry, store_at  # noqa: F401  fixture
from served import Served

_numbers = itertools.count()
PRUNE = ("release", "prune", "--last", "1", "--within", "0s")


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


@pytest.fixture(params=["folder", "registry"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    return f"oci://{request.getfixturevalue('plain_registry')}/pruned{next(_numbers)}"


@pytest.fixture
def kept(served: Served, store: str) -> Served:
    """Five releases; 1.0.1 runs in test and came after 1.0.0; the highest never ran."""
    path = served.folder / "model.yaml"
    path.write_text(path.read_text().replace("name: mini\n", f'name: mini\nstore: "{store}"\n'))
    for number in range(2):
        served.release(f"seed: {number}\n")
        ok(served.run("deploy", "test"))
    for number in range(2, 5):
        served.release(f"seed: {number}\n")
    return served


def versions(store: str) -> list[str]:
    return [stored.version for stored in store_at(store).releases()]


def test_what_nothing_needs_is_said_first_and_removed_when_told_so(kept: Served, store: str) -> None:
    said = ok(kept.run(*PRUNE))
    assert (said["going"], said["removed"]) == (["1.0.2", "1.0.3"], [])
    assert versions(store) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]
    reasons = {one["version"]: one["reasons"] for one in said["kept"]}
    assert reasons["1.0.0"] == ["test goes back to it"]
    assert "runs in test" in reasons["1.0.1"]
    assert reasons["1.0.4"] == ["one of the last 1"]
    assert ok(kept.run(*PRUNE, "--delete"))["removed"] == ["1.0.2", "1.0.3"]
    left = store_at(store)
    assert versions(store) == ["1.0.0", "1.0.1", "1.0.4"]
    assert left.problems() == []
    assert [left.verify(stored) for stored in left.releases()] == [[], [], []]
    assert {item.release for item in left.evidence()} == {stored.digest for stored in left.releases()}
    assert ok(kept.run(*PRUNE, "--delete"))["going"] == []
    assert ok(kept.run("rollback", "test"))["revision"]["version"] == "1.0.0"
    assert kept.release("seed: 9\n") == "1.0.5", "a number is never given again"


def test_what_was_verified_not_long_ago_and_what_is_tagged_stays(kept: Served, store: str) -> None:
    recent = ok(kept.run("release", "prune", "--last", "0", "--within", "30d"))
    assert recent["going"] == ["1.0.2", "1.0.3", "1.0.4"]
    opened_store = store_at(store)
    release = opened_store.find("1.0.2")
    assert release is not None
    with opened_store.repository.changing() as listing:
        listing.put(opened_store.repository.manifest(release.digest), "", "keep-for-the-audit")
    assert ok(kept.run(*PRUNE))["going"] == ["1.0.3"]


def test_S6_a_verdict_outlives_the_rest(kept: Served, store: str) -> None:
    statement = ok(kept.run("release", "revoke", "1.0.2", "--reason", "leaked data"))["statement"]
    ok(kept.run("release", "withdraw", statement, "--reason", "no"))  # which an environment may not take (S5)
    ok(kept.run("approve", "test", "--release", "1.0.3", "--reject", "--reason", "wrong on sevens"))
    assert ok(kept.run(*PRUNE, "--delete"))["removed"] == []


def test_an_environment_that_can_not_be_asked_stops_it(kept: Served, store: str) -> None:
    ok(kept.run("stop", "test", "--reason", "end"))
    shutil.rmtree(kept.state("test"))  # as on another machine
    refused = kept.run(*PRUNE, "--delete")
    assert (refused["code"], refused["error"]["kind"]) == (8, "environment-unknown")
    assert "test" in refused["error"]["message"]
    assert len(versions(store)) == 5
    assert ok(kept.run(*PRUNE, "--gone", "test"))["going"] == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]


def test_bytes_that_nothing_names_go_and_young_ones_may_be_of_a_build_under_way(kept: Served, store: str) -> None:
    folder = Path(store) / "mini" / "blobs" / "sha256"
    if not folder.exists():
        return  # a registry collects by itself
    before = {path.name for path in folder.iterdir()}
    ok(kept.run(*PRUNE, "--delete"))
    assert {path.name for path in folder.iterdir()} == before, "all of it is younger than a day"
    stray = folder / ("0" * 64)
    stray.write_bytes(b"of a build under way")
    for path in before:
        os.utime(folder / path, (time.time() - 2 * 86400,) * 2)
    kept.release("seed: 3\n")  # names bytes again that nothing named: they are young from now on
    ok(kept.run("release", "prune", "--last", "2", "--within", "0s", "--delete"))
    kept.release("seed: 5\n")
    ok(kept.run(*PRUNE, "--delete"))
    assert stray.exists()
    assert len({path.name for path in folder.iterdir()}) < len(before) + 20
    left = store_at(store)
    assert [left.verify(stored) for stored in left.releases()] == [[] for _ in left.releases()]


@pytest.fixture
def owned(served: Served, tmp_path: Path) -> tuple[Served, str]:
    """1.0.0 to 1.0.3, the first three of which ran in production, which has a store of its own."""
    own = str(tmp_path / "production's store")
    path = served.folder / "model.yaml"
    old = f"  production: {{target: local, port: {served.ports['production']}}}"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, f'{old[:-1]}, store: "{own}"}}'))
    for number in range(4):
        served.release(f"seed: {number}\n")
        if number < 3:
            ok(served.run("deploy", "production"))
    return served, own


def test_D8_an_environment_with_its_own_store_is_judged_by_that_store_too(owned: tuple[Served, str]) -> None:
    served, _ = owned
    project = store_at(str(next((served.home / "stores").iterdir())))
    lost = project.find("1.0.1")
    assert lost is not None
    ((_, (weights, _)),) = project.files(lost, "model").items()
    assert isinstance(project, LayoutStore)
    project.blobs.path("sha256:" + weights).unlink()
    said = ok(served.run(*PRUNE))
    reasons = {one["version"]: one["reasons"] for one in said["kept"]}
    assert reasons["1.0.1"] == ["production goes back to it"], "its own store has all of it"
    assert reasons["1.0.0"] == ["production goes back to it"], "where that is lost"
    assert ok(served.run("rollback", "production"))["revision"]["version"] == "1.0.1"


def test_S6_a_verdict_that_only_the_store_of_an_environment_knows_keeps_a_release(owned: tuple[Served, str]) -> None:
    served, own = owned
    assert ok(served.run(*PRUNE))["going"] == ["1.0.0"]
    ok(served.run("release", "revoke", "1.0.0", "--reason", "leaked data", "--store", own))
    assert ok(served.run(*PRUNE))["going"] == []


def test_the_store_of_an_environment_that_does_not_answer_stops_it(served: Served, tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as registry, proxied(registry) as proxy:
        own = f"oci://{proxy.address}/own{next(_numbers)}"
        path = served.folder / "model.yaml"
        old = f"  production: {{target: local, port: {served.ports['production']}}}"
        path.write_text(path.read_text().replace(old, f"{old[:-1]}, store: {own}}}"))
        for number in range(3):
            served.release(f"seed: {number}\n")
        ok(served.run("deploy", "production"))
        assert ok(served.run(*PRUNE))["going"] == ["1.0.0", "1.0.1"]
        proxy.on(".*", "/own", resets, times=1000)
        refused = served.run(*PRUNE, "--delete")
        assert refused["code"] == 8
        assert proxy.address in refused["error"]["message"]
        assert ok(served.run("release", "list"))["releases"][-1]["version"] == "1.0.0"
        proxy.faults.clear()
        ok(served.run("stop", "production", "--reason", "end"))

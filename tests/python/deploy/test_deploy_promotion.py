"""An environment with a store of its own: promoted by digest, and run from there (P1, S6, D8, D9)."""

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_devops.release.layout import LayoutStore
from registries import plain_registry, store_at  # noqa: F401  fixture
from served import Served

_numbers = itertools.count()


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


@pytest.fixture(params=["folder", "registry"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of production's own store."""
    if request.param == "folder":
        return str(tmp_path / "production's store")
    return f"oci://{request.getfixturevalue('plain_registry')}/promoted{next(_numbers)}"


@pytest.fixture
def promoted(served: Served, own: str) -> Served:
    """Production takes what is verified in test, into a store of its own."""
    path = served.folder / "model.yaml"
    old = f"  production: {{target: local, port: {served.ports['production']}}}"
    new = old[:-1] + f', store: "{own}", requires: [tested, "deployed:test"]}}'
    path.write_text(path.read_text().replace(old, new))
    served.release()
    ok(served.run("test"))
    ok(served.run("deploy", "test"))
    return served


@contextlib.contextmanager
def without_the_projects_store(served: Served, how: str) -> Iterator[None]:
    (folder,) = (served.home / "stores").iterdir()
    if how == "gone":
        shutil.rmtree(folder)
        yield
        return
    index = folder / "mini" / "index.json"
    known = index.read_text()
    index.write_text("no index")
    yield
    index.write_text(known)


def test_P1_a_release_is_promoted_by_digest_with_its_evidence_and_runs_from_there(promoted: Served, own: str) -> None:
    planned = ok(promoted.run("plan", "production"))
    assert store_at(own).releases() == [], "a plan copies nothing"
    deployed = ok(promoted.run("deploy", "production"))
    assert deployed["release"]["digest"] == planned["release"]["digest"]
    store = store_at(own)
    (stored,) = store.releases()
    assert stored.digest == deployed["release"]["digest"]
    assert store.verify(stored) == store.problems() == []
    assert {item.kind for item in store.evidence()} == {"built", "tested", "decided", "deployed"}
    there = [item.body.environment for item in store.evidence(kind="deployed")]
    assert there == ["test", "production"]
    shown = ok(promoted.run("release", "show", "1.0.0"))
    assert [item["body"].get("environment") for item in shown["evidence"] if item["kind"] == "deployed"] == there
    (revision,) = promoted.revisions("production")
    assert revision["store"] == store.location


def test_P1_a_refused_release_is_not_promoted(promoted: Served, own: str) -> None:
    promoted.release("seed: 2\n")
    refused = promoted.run("deploy", "production")
    assert refused["code"] == 4
    assert store_at(own).releases() == []


def test_S6_a_revocation_said_in_the_projects_store_counts_there(promoted: Served) -> None:
    ok(promoted.run("deploy", "production"))
    promoted.release("seed: 2\n")
    ok(promoted.run("test"))
    ok(promoted.run("deploy", "test"))
    ok(promoted.run("deploy", "production"))
    ok(promoted.run("release", "revoke", "1.0.0", "--reason", "leaked data"))
    refused = promoted.run("rollback", "production")
    assert refused["code"] == 4
    assert "revoked" in refused["err"]


@pytest.mark.parametrize("how", ["gone", "unreadable"])
def test_D8_the_way_back_needs_only_the_environments_store(promoted: Served, how: str) -> None:
    ok(promoted.run("deploy", "production"))
    promoted.release("seed: 2\n")
    ok(promoted.run("test"))
    ok(promoted.run("deploy", "test"))
    ok(promoted.run("deploy", "production"))
    shutil.rmtree(promoted.state("production") / "files" / "1", ignore_errors=True)
    with without_the_projects_store(promoted, how):
        back = ok(promoted.run("rollback", "production"))
    assert back["revision"]["version"] == "1.0.0"
    assert promoted.get("/env", "production")["MODEL_DEVOPS_VERSION"] == "1.0.0"
    if how == "unreadable":
        assert "isn't known here, a revocation for example" in back["err"]


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_release_that_is_damaged_where_it_comes_from_is_refused_and_named(
    promoted: Served, own: str, what: str
) -> None:
    (project,) = (LayoutStore(folder / "mini") for folder in (promoted.home / "stores").iterdir())
    (stored,) = project.releases()
    ((path, (sha256, _)),) = project.files(stored, "model").items()
    blob = project.blobs.path("sha256:" + sha256)
    blob.chmod(0o644)
    blob.unlink() if what == "gone" else blob.write_bytes(b"x" * blob.stat().st_size)
    refused = promoted.run("deploy", "production")
    assert refused["code"] == 4, refused
    assert refused["error"]["kind"] == ("bytes-gone" if what == "gone" else "bytes-differ")
    assert sha256 in refused["error"]["message"] or path in refused["error"]["message"]
    assert promoted.revisions("production") == []
    assert all(store_at(own).verify(item) == [] for item in store_at(own).releases())

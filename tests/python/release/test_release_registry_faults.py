"""A fault at each request of a push and of a pull, one at a time: it completes or is refused, and a rerun goes on."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fault_proxy import (
    Exchange,
    Proxy,
    alters,
    breaks_download,
    breaks_upload,
    cuts,
    flipped,
    proxied,
    resets,
    resets_after_asking,
    says,
)
from mini_project import Mini
from model_devops.adapters.registry.address import parse
from model_devops.errors import ModelDevopsError, RefusedError
from model_devops.release.evidence import Revoked
from model_devops.release.registry.store import RegistryStore
from model_devops.release.store import Stored
from release_samples import LAYOUT, Sources, record_for, write_files

_numbers = itertools.count()
FAULTS: dict[str, Callable[[Exchange], None]] = {
    "reset": resets,
    "answer lost": resets_after_asking,
    "503": says(503),
    "429": says(429, Retry_After="5"),
    "404": says(404),
    "400": says(400),
    "altered": alters(flipped),
    "half": alters(lambda data: data[: len(data) // 2]),
    "nothing": alters(lambda _: b""),
    "broken upload": breaks_upload(7),
    "broken download": breaks_download(7),
    "cut": cuts(7, told=False),
}
#: What ends well whatever it befalls: another attempt helps.
OVERCOME = {"reset", "answer lost", "503", "429", "broken upload"}
#: Faults at each request: each fault meets every seventh, or with patience all.
EACH = len(FAULTS) if os.environ.get("MODEL_DEVOPS_SOAK") == "1" else 2
REVOKED = Revoked(id="r", time="2026-01-02T00:00:00.000Z", reason="leaked")


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    with proxied(request.getfixturevalue(request.param)) as one:
        yield one


@pytest.fixture
def files(tmp_path: Path) -> Sources:
    """A layer of a file's own, and a tar layer."""
    many = {f"{number}.txt": b"%d" % number for number in range(70)}
    return {"model": write_files(tmp_path / "m", {"w.bin": b"w" * 9000}), "dataset": write_files(tmp_path / "d", many)}


def store_at(address: str) -> RegistryStore:
    store = RegistryStore(parse(address))
    store.repository.client.session.pause = lambda _: None
    return store


def push(address: str, files: Sources) -> Stored:
    store = store_at(address)
    stored = store.name(store.put_files(files, LAYOUT), record_for(files))
    store.add_evidence(stored.digest, REVOKED)
    return stored


def pull(address: str, target: Path) -> tuple[str, list[str], bytes] | None:
    store = store_at(address)
    stored = store.find("1.0.0")
    if stored is None:
        return None
    said = [item.kind for item in store.evidence(stored.digest)]
    store.materialise(stored, target)
    if problems := store.verify(stored):
        raise RefusedError("; ".join(problems))
    return stored.digest, said, (target / "model" / "w.bin").read_bytes()


registries = pytest.mark.parametrize("proxy", ["plain_registry", "referrers_registry"], indirect=True)


def faults() -> Iterator[tuple[int, str]]:
    """(which request, what befalls it), until the test has seen one that nothing befell."""
    for number in itertools.count():
        for turn in range(EACH):
            yield number, list(FAULTS)[(number * EACH + turn) % len(FAULTS)]


@pytest.mark.timeout(900)
@pytest.mark.soak
@registries
def test_a_push_completes_or_is_refused_and_a_rerun_goes_on(proxy: Proxy, files: Sources) -> None:
    for number, name in faults():
        address = f"oci://{proxy.address}/push{next(_numbers)}"
        proxy.on(".*", "", FAULTS[name], after=number)
        try:
            push(address, files)
        except ModelDevopsError as error:
            assert error.code in (4, 8), error
            assert name not in OVERCOME, (number, name, proxy.seen[-1], error)
        fault = proxy.faults.pop()
        stored = push(address, files)
        again = store_at(address)
        assert again.verify(stored) == again.problems() == [], (number, name)
        assert {item.kind for item in again.evidence(stored.digest)} == {"revoked"}
        if fault.times:
            break
    assert number > 12, "requests that were tried"


@pytest.mark.timeout(900)
@pytest.mark.soak
@registries
def test_S4_a_pull_gives_what_is_there_or_nothing(proxy: Proxy, files: Sources, tmp_path: Path) -> None:
    """Above all, no list of evidence lacks the revocation."""
    address = f"oci://{proxy.address}/pull{next(_numbers)}"
    stored = push(address, files)
    right = (stored.digest, ["revoked"], b"w" * 9000)
    for number, name in faults():
        proxy.on(".*", "", FAULTS[name], after=number)
        target = tmp_path / f"target{number}{name}"
        try:
            found = pull(address, target)
            assert found == right or (found is None and name == "404"), (number, name, found)
        except ModelDevopsError as error:
            assert error.code in (4, 8), error
            assert name not in OVERCOME, (number, name, proxy.seen[-1], error)
        if proxy.faults.pop().times:
            break
    assert number > 6, "requests that were tried"


ENDINGS = {
    "tired": ("GET", "/tags/", says(503), 8, "registry", "answers 503"),
    "impatient": ("GET", "/tags/", says(429, Retry_After="3600"), 8, "registry", "answers 429"),
    "gaps": ("GET", "/tags/", says(200, b"{}"), 8, "incomplete", "may have gaps"),
    "deep": ("GET", "/tags/", says(200, b"[" * 100_000), 8, "incomplete", "may have gaps"),
    "manifest": ("GET", "/manifests/", alters(flipped), 4, "bytes-differ", "other bytes"),
    "forbidden": ("GET", "/manifests/", says(403), 4, "denied", "docker login"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_command_line_ends_in_words_and_the_right_code(
    mini: Mini, plain_registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    method, path, act, code, kind, words = ENDINGS[name]
    monkeypatch.setenv("HOME", str(tmp_path))
    with proxied(plain_registry) as proxy:
        store = f"oci://{proxy.address}/endings{next(_numbers)}"
        assert mini.build("--store", store)["code"] == 0
        proxy.on(method, path, act, times=99)
        ended = mini.run("release", "show", "1.0.0", "--store", store)
        assert (ended["code"], ended["error"]["kind"]) == (code, kind), ended
        assert words in json.dumps(ended["error"])
        assert "Traceback" not in ended["err"]
        proxy.faults.clear()
        assert mini.run("release", "show", "1.0.0", "--store", store)["code"] == 0

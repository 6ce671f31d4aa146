"""The cluster's client on a network that breaks, and with an API server that is tired or away."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster import Cluster as Kube
from cluster_line import Line, client_of, in_front
from fault_proxy import Exchange, breaks_chunk, breaks_download, cuts, is_silent, resets, resets_after_asking, says
from model_devops.adapters.kubernetes import pages
from model_devops.adapters.kubernetes import session as sessions
from model_devops.adapters.kubernetes.refusals import ChangedError, ExistsError
from model_devops.adapters.kubernetes.session import ATTEMPTS, FIRST, SILENT
from model_devops.errors import RefusedError, UnreachableError


def config_map(line: Line, name: str = "settings", **data: str) -> dict:
    where = {"name": name, "namespace": line.client.default_namespace, "labels": {"app": "digits"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": where, "data": data}


def status(code: int, reason: str, message: str) -> bytes:
    words = {"reason": reason, "message": message, "code": code}
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", **words}).encode()


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_tired_server_is_asked_again_with_growing_pauses(line: Line, code: int) -> None:
    line.proxy.on("GET", "", says(code, b"not now"), times=3)
    assert line.client.get("ConfigMap", "settings") is None
    assert line.client.requests == 4
    assert len(line.pauses) == 3
    for pause, most in zip(line.pauses, (0.5, 1, 2), strict=True):
        assert most / 2 <= pause <= most


def test_as_long_as_the_server_asks_is_waited(line: Line) -> None:
    line.proxy.on("GET", "", says(429, Retry_After="7"))
    assert line.client.get("ConfigMap", "settings") is None
    assert len(line.pauses) == 1
    assert 7 <= line.pauses[0] <= 7.5


def test_who_asks_for_an_hour_is_given_up_in_their_words(line: Line) -> None:
    line.proxy.on("GET", "", says(429, status(429, "TooManyRequests", "come back later"), Retry_After="3600"))
    with pytest.raises(UnreachableError, match="answers 429: come back later"):
        line.client.get("ConfigMap", "settings")
    assert line.client.requests == 1


def test_patience_ends(line: Line) -> None:
    line.proxy.on("GET", "", says(503, status(503, "ServiceUnavailable", "etcd has no leader")), times=100)
    with pytest.raises(UnreachableError, match="answers 503: etcd has no leader") as caught:
        line.client.get("ConfigMap", "settings")
    assert line.client.requests == ATTEMPTS
    assert 20 <= sum(line.pauses) <= 90
    assert (caught.value.kind, bool(caught.value.hint)) == ("cluster", True)


def test_a_webhook_that_is_down_is_told(line: Line) -> None:
    words = 'Internal error occurred: failed calling webhook "check.example.org": connection refused'
    line.proxy.on("POST", "", says(500, status(500, "InternalError", words)), times=100)
    with pytest.raises(UnreachableError, match="failed calling webhook") as caught:
        line.client.create(config_map(line))
    assert caught.value.hint
    assert "webhook" in caught.value.hint


@pytest.mark.parametrize("fault", [resets, breaks_download(40), cuts(40), breaks_chunk(40)])
def test_a_broken_answer_is_asked_for_again(line: Line, fault) -> None:
    line.client.create(config_map(line, key="value"))
    line.proxy.on("GET", "", fault, times=2)
    assert line.client.get("ConfigMap", "settings")["data"] == {"key": "value"}
    assert line.client.requests == 4


def test_an_object_whose_making_was_not_answered_is_there_already(line: Line) -> None:
    line.proxy.on("POST", "", resets_after_asking)
    with pytest.raises(ExistsError):
        line.client.create(config_map(line, key="mine"))
    assert line.client.get("ConfigMap", "settings")["data"] == {"key": "mine"}


def test_a_replacement_that_was_not_answered_is_a_change_since(line: Line) -> None:
    made = line.client.create(config_map(line))
    line.proxy.on("PUT", "", resets_after_asking)
    with pytest.raises(ChangedError):
        line.client.replace({**made, "data": {"key": "mine"}})
    assert line.client.get("ConfigMap", "settings")["data"] == {"key": "mine"}


def test_apply_and_delete_may_be_repeated(line: Line) -> None:
    line.proxy.on("PATCH|DELETE", "", resets_after_asking, times=1)
    assert line.client.apply(config_map(line, key="mine"))["data"] == {"key": "mine"}
    line.proxy.on("DELETE", "", resets_after_asking, times=1)
    assert not line.client.delete("ConfigMap", "settings")
    assert line.client.get("ConfigMap", "settings") is None


def test_a_conflict_is_never_asked_again(line: Line) -> None:
    line.proxy.on("PUT", "", says(409, status(409, "Conflict", "somebody was faster")), times=100)
    with pytest.raises(ChangedError, match="somebody was faster"):
        line.client.replace(config_map(line))
    assert line.client.requests == 1


def test_a_list_that_grew_too_old_is_read_anew_in_one_piece(line: Line, monkeypatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 2)
    for number in range(5):
        line.client.create(config_map(line, f"n{number}"))
    line.proxy.on("GET", "continue=", says(410, status(410, "Expired", "the provided continue parameter is too old")))
    found = [item["metadata"]["name"] for item in line.client.list("ConfigMap", labels="app=digits")]
    assert found == [f"n{number}" for number in range(5)]
    assert "limit" not in line.proxy.seen[-1].path


def test_no_answer_is_not_waited_for_without_end(line: Line, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "READ", 0.2)
    line.client.get("ConfigMap", "settings")
    line.proxy.on("GET", "", is_silent, times=100)
    with pytest.raises(UnreachableError, match="did not answer in time"):
        line.client.get("ConfigMap", "settings")
    assert line.client.requests == 1 + SILENT


def test_an_answer_byte_by_byte_ends_too(line: Line, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "LONGEST_ANSWER", 0.3)

    def drips(exchange: Exchange) -> None:
        def bytes_of() -> Iterator[bytes]:
            while not exchange.proxy.closing.wait(0.05):
                exchange.handler.wfile.flush()
                yield b" "

        exchange.answer(200, {}, bytes_of(), length=1 << 20)

    line.client.get("ConfigMap", "settings")
    line.proxy.on("GET", "", drips, times=100)
    with pytest.raises(UnreachableError, match="did not answer in time"):
        line.client.get("ConfigMap", "settings")


def test_an_answer_without_end_is_not_kept(line: Line, monkeypatch) -> None:
    line.client.create(config_map(line, key="x" * 5000))
    monkeypatch.setattr(sessions, "LARGEST_ANSWER", 1000)
    with pytest.raises(RefusedError, match="sends more than 1000 bytes"):
        line.client.get("ConfigMap", "settings")


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"[]", b""])
def test_what_a_proxy_in_between_says_is_no_object(line: Line, body: bytes) -> None:
    line.proxy.on("GET", "", says(200, body))
    with pytest.raises(UnreachableError, match="what answers for the cluster sends no JSON"):
        line.client.get("ConfigMap", "settings")


def test_a_token_is_in_no_words(line: Line) -> None:
    def repeats(exchange: Exchange) -> None:
        exchange.answer(400, {}, exchange.seen.headers["authorization"].encode())

    line.proxy.on("GET", "", repeats)
    with pytest.raises(RefusedError) as caught:
        line.client.get("ConfigMap", "settings")
    assert caught.value.message == "Bearer ***"


def test_control_characters_do_not_reach_a_terminal(line: Line) -> None:
    line.proxy.on("GET", "", says(400, status(400, "BadRequest", "red \x1b[31m\nand more")))
    with pytest.raises(RefusedError) as caught:
        line.client.get("ConfigMap", "settings")
    assert caught.value.message == "red [31m and more"


def test_an_older_cluster_says_that_it_has_no_such_kind(line: Line) -> None:
    """And not that there is no such object, which would be made then."""
    line.proxy.on(
        ".*", "", says(404, status(404, "NotFound", "the server could not find the requested resource")), times=9
    )
    with pytest.raises(RefusedError, match="the cluster has nothing of this kind: ConfigMap settings") as caught:
        line.client.apply(config_map(line))
    assert caught.value.kind == "no-such-kind"
    for call in (line.client.get, line.client.delete):
        with pytest.raises(RefusedError, match="the cluster has nothing of this kind") as caught:
            call("ConfigMap", "settings")
        assert caught.value.kind == "no-such-kind"


def test_a_page_that_a_proxy_in_between_does_not_find_is_no_missing_object(line: Line) -> None:
    line.proxy.on("GET", "", says(404, b"<h1>No such page</h1>"))
    with pytest.raises(RefusedError, match="<h1>No such page</h1>"):
        line.client.get("ConfigMap", "settings")


def test_a_redirection_is_not_followed(line: Line) -> None:
    line.proxy.on("GET", "", says(302, Location="https://elsewhere.example/"))
    with pytest.raises(RefusedError):
        line.client.get("ConfigMap", "settings")
    assert line.client.requests == 1


def test_requests_of_many_threads_are_all_counted(line: Line) -> None:
    line.client.create(config_map(line, key="value"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: line.client.get("ConfigMap", "settings"), range(200)))
    assert {item["data"]["key"] for item in found} == {"value"}
    assert line.client.requests == 201 == len(line.proxy.seen)


def test_nobody_there_is_tried_a_few_times(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pauses: list[float] = []
    client = client_of(kubeconfig(tmp_path, f"https://127.0.0.1:{port}"), pauses)
    with pytest.raises(UnreachableError, match="can't be reached") as caught:
        client.get("ConfigMap", "settings")
    assert f"127.0.0.1:{port} (context here)" in caught.value.message
    assert "connection refused" in caught.value.message
    assert client.requests == FIRST
    assert len(pauses) == FIRST - 1


def test_a_name_that_nobody_knows_is_said(tmp_path: Path) -> None:
    client = client_of(kubeconfig(tmp_path, "https://no-such-host.invalid:6443"), [])
    with pytest.raises(UnreachableError, match=r"no-such-host\.invalid:6443 \(context here\) has no address here"):
        client.get("ConfigMap", "settings")


def test_a_certificate_of_another_authority_is_refused_at_once(cluster: Kube, namespace: str, tmp_path: Path) -> None:
    file = cluster.as_account(namespace, "default", tmp_path / "kubeconfig")
    with in_front(cluster, file):
        (tmp_path / "proxy.pem").write_text((tmp_path / "api-server.pem").read_text())
        client = client_of(file, [])
        with pytest.raises(UnreachableError, match="is not trusted") as caught:
            client.get("ConfigMap", "settings")
        assert (caught.value.kind, client.requests) == ("certificate", 1)


def test_a_cluster_whose_certificate_is_not_checked_is_warned_of_once(
    cluster: Kube, namespace: str, tmp_path: Path, warned: list[str], recwarn
) -> None:
    file = cluster.as_account(namespace, "default", tmp_path / "kubeconfig")
    config = json.loads(file.read_text())
    del config["clusters"][0]["cluster"]["certificate-authority-data"]
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    file.write_text(json.dumps(config))
    client = client_of(file, [])
    for _ in range(2):
        assert client.server_version()
    assert len(warned) == 1
    assert "the certificate of the cluster isn't checked" in warned[0]
    assert list(recwarn) == []


def kubeconfig(folder: Path, server: str) -> Path:
    file = folder / "kubeconfig"
    config = {
        "current-context": "here",
        "clusters": [{"name": "there", "cluster": {"server": server}}],
        "users": [{"name": "ci", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "there", "user": "ci"}}],
    }
    file.write_text(json.dumps(config))
    return file

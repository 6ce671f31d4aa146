"""Servers that listen everywhere or on IPv6, and others on the same port (D11)."""

import contextlib
import socket
import subprocess
import sys

import pytest

from lacking import lacking
from model_devops.deploy.local import sockets


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def needs_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        lacking("this machine has no IPv6")


def on_host(served, host: str) -> int:
    """A project whose test environment listens there. Returns the port."""
    if ":" in host:
        needs_ipv6()
    text = (served.folder / "model.yaml").read_text()
    served.commit(**{"model.yaml": text.replace("test: {target: local,", f"test: {{target: local, host: '{host}',")})
    return served.ports["test"]


@contextlib.contextmanager
def listening(address: str, port: int, *options: int):
    """Somebody else on the port, in a process of this user."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = (
        f"import socket, sys; s = socket.socket(socket.{family});"
        f"[s.setsockopt(socket.SOL_SOCKET, option, 1) for option in {options!r}];"
        f"s.bind(({address!r}, {port})); s.listen(); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as process:
        assert process.stdout.readline()
        yield process.pid
        process.communicate()


def connects(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5):
        return True
    return False


@pytest.mark.parametrize(
    ("host", "reached", "not_reached"),
    [
        ("0.0.0.0", ["127.0.0.1"], []),
        ("::", ["::1", "127.0.0.1"], []),
        ("::1", ["::1"], ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"], []),
    ],
)
def test_D11_a_server_is_ready_and_proved_wherever_it_listens(served, host, reached, not_reached):
    port = on_host(served, host)
    version = served.release()
    done = ok(served.run("deploy", "test"))
    assert done["revision"]["proof"] == ["measured", "reported"]
    assert all(connects(address, port) for address in reached)
    assert not any(connects(address, port) for address in not_reached)
    told = ok(served.run("status", "test"))
    assert told["healthy"], told["warnings"]
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert shown in told["environments"][0]["observed"]["detail"]
    assert not ok(served.run("deploy", "test", "--release", version))["changed"]


@pytest.mark.parametrize(
    ("host", "other"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "127.0.0.1"), ("::", "::1")]
)
def test_D11_somebody_elses_socket_on_a_part_of_the_address_is_found_in_the_plan(served, host, other):
    port = on_host(served, host)
    served.release()
    with listening(other, port) as pid:
        for verb in ("plan", "deploy"):
            refused = served.run(verb, "test")
            assert (refused["code"], refused["error"]["kind"]) == (4, "address-taken"), refused["err"]
            assert f"process {pid}" in refused["error"]["message"]
    assert served.revisions() == []


@pytest.mark.parametrize(("host", "other"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1"), ("0.0.0.0", "::1")])
def test_D11_another_protocol_or_address_is_nobody_elses(served, host, other):
    needs_ipv6()
    port = on_host(served, host)
    served.release()
    with listening(other, port):
        ok(served.run("deploy", "test"))
        assert ok(served.run("status", "test"))["healthy"]


def test_D11_a_stranger_who_shares_the_port_of_what_runs_is_found(served):
    """With SO_REUSEPORT on both sides the system lets both in, and the more exact address wins."""
    port = on_host(served, "0.0.0.0")
    served.release("seed: 1\nshared: 1\n")
    ok(served.run("deploy", "test"))
    with listening("127.0.0.1", port, socket.SO_REUSEADDR, socket.SO_REUSEPORT) as pid:
        told = ok(served.run("status", "test"))
        assert not told["healthy"]
        assert "test: its address is held by " in told["warnings"][0]
        assert f"(process {pid}, " in told["warnings"][0]
        refused = served.run("deploy", "test")
        assert (refused["code"], refused["error"]["kind"]) == (4, "address-taken")
    assert ok(served.run("status", "test"))["healthy"], "nothing was stopped"


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.2", True),
        ("0.0.0.0", "::1", False),
        ("::", "0.0.0.0", True),
        ("::", "127.0.0.1", True),
        ("::1", "127.0.0.1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
    ],
)
def test_D11_which_sockets_of_one_port_get_in_each_others_way(first, second, one):
    assert sockets._overlap(first, {sockets._normal(second)}) is one
    assert sockets._overlap(second, {sockets._normal(first)}) is one

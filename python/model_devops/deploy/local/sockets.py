"""Who listens on an address: a server of ours, or something foreign (D11)."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model_devops.deploy.local.processes import LINUX

_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A socket that takes connections. `owner` is its inode on Linux, the process number elsewhere."""

    address: str
    owner: int | None


def own_and_foreign(host: str, port: int, pids: Callable[[], Iterable[int]]) -> tuple[bool, bool]:
    """Whether one of these processes listens there, and whether anybody else does.

    `pids` is only asked where anybody listens at all.
    """
    wanted = _addresses(host)
    listeners = [item for item in _listeners(port) if _overlap(item.address, wanted)]
    if not listeners:
        return False, False
    ours = _owners(pids())
    found = [item.owner in ours for item in listeners]
    return any(found), not all(found)


def holder(host: str, port: int, pids: Iterable[int]) -> str:
    """Who holds the address, in words, apart from these processes. Slow: only for messages."""
    import psutil

    mine = set(pids)
    with contextlib.suppress(psutil.Error):
        for item in psutil.net_connections("tcp"):
            local = item.laddr
            if item.status != psutil.CONN_LISTEN or not local or local.port != port or item.pid in mine:
                continue
            if item.pid and _overlap(local.ip, _addresses(host)):
                return _describe(psutil.Process(item.pid))
    return "a process of another user"


def _describe(process: object) -> str:
    import psutil

    assert isinstance(process, psutil.Process)
    with contextlib.suppress(psutil.Error, OSError):
        variables = process.environ()
        if "MODEL_DEVOPS_ENVIRONMENT" in variables:
            name = f"{variables.get('MODEL_DEVOPS_NAME', '')} {variables['MODEL_DEVOPS_ENVIRONMENT']}".strip()
            return f"the server of {name} (process {process.pid})"
    with contextlib.suppress(psutil.Error):
        return f"{process.name()} (process {process.pid}, user {process.username()})"
    return f"process {process.pid}"


def shown(host: str, port: int) -> str:
    """An address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(host: str) -> set[str]:
    """The numeric addresses of a host name, normalised."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return {host}
    return {_normal(str(item[4][0])) for item in found}


def _normal(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _overlap(address: str, wanted: set[str]) -> bool:
    return any(_one_port(_normal(address), other) for other in wanted)


def _one_port(first: str, second: str) -> bool:
    """Whether two sockets of one port can get in each other's way. `::` takes IPv4 as well, unless told otherwise."""
    if first == second or "::" in (first, second):
        return True
    return "0.0.0.0" in (first, second) and ":" not in first + second


def _listeners(port: int) -> list[Listener]:
    if LINUX:
        return [item for name in ("tcp", "tcp6") for item in _from_proc(name, port)]
    import psutil

    with contextlib.suppress(psutil.AccessDenied):
        return [
            Listener(item.laddr.ip, item.pid)
            for item in psutil.net_connections("tcp")
            if item.status == psutil.CONN_LISTEN and item.laddr and item.laddr.port == port
        ]
    return []


def _from_proc(name: str, port: int) -> list[Listener]:
    found = []
    suffix = f":{port:04X}"
    with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{name}") as stream:
        for line in stream:
            fields = line.split()
            if fields[3] == _LISTEN and fields[1].endswith(suffix):
                found.append(Listener(_decode(fields[1].partition(":")[0]), int(fields[9])))
    return found


def _decode(text: str) -> str:
    """An address as the kernel writes it: 32-bit words in the byte order of the machine."""
    import sys

    words = [int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def _owners(pids: Iterable[int]) -> set[int]:
    if not LINUX:
        return set(pids)
    found: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{name}")
                    if target.startswith("socket:["):
                        found.add(int(target[8:-1]))
    return found

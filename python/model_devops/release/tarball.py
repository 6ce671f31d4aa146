"""The tar layer of packing format 1: many small files in one deterministic blob (docs/formats.md).

The bytes are a function of names and contents alone, so that two machines, or two implementations,
come to the same digest. They are written and read by this module and not by a library: a library's
output may change with its version, and its reader accepts far more than can be allowed here (links,
devices, sparse files, paths that lead out of the target).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

BLOCK = 512
#: No path is longer than this; so a lying size of a pax record can't fill the memory.
LONGEST_RECORD = 1 << 16
END = bytes(2 * BLOCK)
Read = Callable[[int], bytes]


class Member(NamedTuple):
    """One regular file: where its content begins is where the stream stands when it is yielded."""

    name: str
    size: int


class TarError(ValueError):
    """The bytes are no tar layer of packing format 1."""


def header(name: str, size: int) -> bytes:
    """The header of one regular file of less than 8 GiB; a pax record carries long or non-ASCII names."""
    raw = name.encode()
    if len(raw) <= 100 and name.isascii():
        return block(raw, size, b"0")
    return extended(record(b"path", raw)) + block(b"@", size, b"0")


def padding(size: int) -> bytes:
    """What fills a member of this size up to whole blocks."""
    return bytes(-size % BLOCK)


def length(sizes: Mapping[str, int]) -> int:
    """Bytes of the whole layer with members of these names and sizes."""
    return sum(len(header(name, size)) + size + -size % BLOCK for name, size in sizes.items()) + len(END)


def extended(records: bytes) -> bytes:
    """A pax header with these records, for the member that follows."""
    return block(b"././@PaxHeader", len(records), b"x") + records + padding(len(records))


def block(name: bytes, size: int, kind: bytes, mode: bytes = b"0000644\0") -> bytes:
    """One ustar header: of user and group 0, made at time 0."""
    fields = (
        name.ljust(100, b"\0"),
        mode,
        b"0000000\0" * 2,
        b"%011o\0" % size,
        b"%011o\0" % 0,
        b" " * 8,
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(64 + 16 + 167),
    )
    found = b"".join(fields)
    return found[:148] + b"%06o\0 " % sum(found) + found[156:]


def record(key: bytes, value: bytes) -> bytes:
    """One record of a pax header."""
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while length != len(b"%d" % length) + len(body):
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def members(read: Read) -> Iterator[Member]:
    """The members of a tar layer. The caller reads exactly `size` bytes of each before going on.

    Raises TarError for whatever `header` would not have written, to the byte.
    """
    while True:
        block = _exactly(read, BLOCK)
        if block == bytes(BLOCK):
            if read(BLOCK) != bytes(BLOCK) or read(1):
                raise TarError("bytes after the end")
            return
        member, found = _parse(block, read)
        if header(member.name, member.size) != found:
            raise TarError(f"the header of {member.name!r} is not as packing format 1 writes it")
        yield member
        if _exactly(read, -member.size % BLOCK).strip(b"\0"):
            raise TarError(f"padding after {member.name!r} is not empty")


def _parse(block: bytes, read: Read) -> tuple[Member, bytes]:
    found = block
    name = block[:100].rstrip(b"\0")
    if block[156:157] == b"x":
        size = _octal(block)
        if size > LONGEST_RECORD:
            raise TarError("a pax record is too long")
        record = _exactly(read, size)
        name = record.partition(b"=")[2].rstrip(b"\n")
        rest = _exactly(read, -size % BLOCK)
        block = _exactly(read, BLOCK)
        found += record + rest + block
    try:
        return Member(name.decode(), _octal(block)), found
    except UnicodeDecodeError as error:
        raise TarError("a name is not UTF-8") from error


def _octal(block: bytes) -> int:
    try:
        return int(block[124:135], 8)
    except ValueError as error:
        raise TarError("a size is not octal") from error


def _exactly(read: Read, size: int) -> bytes:
    data = read(size) if size else b""
    if len(data) != size:
        raise TarError("it ends early")
    return data

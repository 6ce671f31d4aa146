"""Formats that can run code when they are loaded, told by their content first (docs/checks.md lists them)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from model_devops.checks.pickles import calls_something

#: How much of a file is looked at.
HEAD = 64 << 10
_MAGIC = (
    (b"\x7fELF", "an ELF program or library"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program or library"),
    (b"\xce\xfa\xed\xfe", "a Mach-O program or library"),
    (b"\xca\xfe\xba\xbe", "a Java class or Mach-O library"),
    (b"#!", "a script"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, which may hold Keras Lambda layers"),
    (b"\x1f\x8b", "compressed, which hides what is in it"),
    (b"BZh", "compressed, which hides what is in it"),
    (b"\xfd7zXZ\0", "compressed, which hides what is in it"),
    (b"\x28\xb5\x2f\xfd", "compressed, which hides what is in it"),
)
_PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill")
_CODE_NAMES = {
    ".py": "Python code",
    ".pyc": "Python code",
    ".so": "a library",
    ".dll": "a library",
    ".dylib": "a library",
    ".sh": "a script",
    ".jar": "a Java archive",
}
_OBJECTS = re.compile(rb"'[|<>=]?O[0-9]?'")
_MOST_MEMBERS = 10_000


def executable_format(path: Path, head: bytes) -> str | None:
    """What kind of executable format a file is, or None. `head` is its first `HEAD` bytes."""
    found = _by_content(head) or _by_name(path.name)
    return found or (_in_zip(path) if head.startswith(b"PK\x03\x04") else None)


def _by_content(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _is_windows_program(head):
        return "a Windows program or library"
    if head.startswith(b"\x93NUMPY"):
        return "a NumPy file of Python objects, which is a pickle" if _OBJECTS.search(head) else None
    if head[257:262] == b"ustar":
        return "a tar archive, which hides what is in it"
    return "a pickle" if _is_pickle(head) else None


def _by_name(name: str) -> str | None:
    lower = name.lower()
    if lower.endswith(_PICKLE_NAMES):
        return "a pickle by its name"
    if lower == "saved_model.pb":
        return "a TensorFlow graph, which may read and write files"
    return next((kind for suffix, kind in _CODE_NAMES.items() if lower.endswith(suffix)), None)


def _is_windows_program(head: bytes) -> bool:
    """Two letters alone could be weights: the header that they promise must be there."""
    at = int.from_bytes(head[0x3C:0x40], "little")
    return head.startswith(b"MZ") and head[at : at + 4] == b"PE\0\0"


def _is_pickle(head: bytes) -> bool:
    """Protocols 2 to 5 begin with PROTO and a number; 0 and 1 are told by reading their operations."""
    if len(head) > 2 and head[0] == 0x80:
        return 2 <= head[1] <= 5
    return calls_something(head)


def _in_zip(path: Path) -> str | None:
    """A torch or NumPy archive holds pickles, a Keras one may hold Lambda layers, others hold code."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                return "an archive of too many files to look through"
            for member in members:
                if member.is_dir():
                    continue
                with archive.open(member) as stream:
                    found = _by_content(stream.read(HEAD)) or _by_name(member.filename.rpartition("/")[2])
                if found:
                    return f"an archive that holds {member.filename!r}, {found}"
    except Exception:  # noqa: BLE001  zipfile raises many kinds for damaged archives
        return "a damaged or encrypted archive, which hides what is in it"
    return "a Keras archive, which may hold Lambda layers" if path.suffix.lower() == ".keras" else None

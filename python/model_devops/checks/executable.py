"""Formats that can run code when they are loaded, told by their content (docs/checks.md lists them)."""

from __future__ import annotations

import zipfile
from pathlib import Path

_MAGIC = (
    (b"\x7fELF", "an ELF program or library"),
    (b"MZ", "a Windows program or library"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program or library"),
    (b"\xca\xfe\xba\xbe", "a Java class or Mach-O library"),
    (b"#!", "a script"),
)
#: Names that say pickle for formats whose first bytes do not (protocols 0 and 1, compressed joblib).
_PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def executable_format(path: Path, head: bytes) -> str | None:
    """What kind of executable format a file is, or None. `head` is its first 512 bytes."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _is_pickle(head) or path.suffix.lower() in _PICKLE_NAMES:
        return "a pickle"
    if head.startswith(b"\x93NUMPY"):
        return "a NumPy file of Python objects, which is a pickle" if b"'|O'" in head else None
    if head.startswith(_HDF5) and path.suffix.lower() in (".h5", ".hdf5", ".keras"):
        return "an HDF5 model, which may hold Lambda layers"
    return _in_zip(path) if head.startswith(b"PK\x03\x04") else None


def _is_pickle(head: bytes) -> bool:
    """Protocols 2 to 5 begin with PROTO and a number; 4 and 5 go on with FRAME."""
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def _in_zip(path: Path) -> str | None:
    """A torch or NumPy archive holds pickles, a Keras one may hold Lambda layers."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist()[:10_000]:
                with archive.open(member) as stream:
                    head = stream.read(512)
                if member.filename.endswith(_PICKLE_NAMES) or _is_pickle(head):
                    return "an archive that holds a pickle"
                if head.startswith(b"\x93NUMPY") and b"'|O'" in head:
                    return "a NumPy archive of Python objects, which is a pickle"
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return "a damaged archive"
    return "a Keras archive, which may hold Lambda layers" if path.suffix.lower() == ".keras" else None

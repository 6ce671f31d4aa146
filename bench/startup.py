"""Start-up: in CI each step starts the program anew."""

import sys
from collections.abc import Iterator

from measuring import PROGRAM, ROOT, Row, in_turn, quietly

ROUNDS = 20
FILE = str(ROOT / "examples" / "digits" / "model.yaml")
PEERS = ROOT / "bench" / "peers"


def rows() -> Iterator[Row]:
    """`--help` and `config show` against click programs."""
    ours, theirs = in_turn(
        lambda: quietly(*PROGRAM, "--help"),
        lambda: quietly(sys.executable, "-I", str(PEERS / "click_nothing.py")),
        rounds=ROUNDS,
    )
    yield Row("--help", ours, "a click program that does nothing", theirs, 1.2 * theirs)
    ours, theirs = in_turn(
        lambda: quietly(*PROGRAM, "config", "show", "--file", FILE),
        lambda: quietly(sys.executable, "-I", str(PEERS / "click_yaml.py"), FILE),
        rounds=ROUNDS,
    )
    yield Row("config show", ours, "a click program with yaml's C loader", theirs, 1.3 * theirs)

"""`make demo`: a real model's whole life on this machine, each act checked. Fails if any act turns out otherwise."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from contained import CONTAINED, IMAGES
from in_pods import PODS
from places import Local
from stage import OtherwiseError, Stage
from story import ACTS, Act
from tampering import COPIES, HISTORY, STORE, WORKSPACE


def _stop(signum: int, _frame: FrameType | None) -> None:
    """Leave through the stage's clean-up; a second signal there changes nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + signum)


def set_up(stage: Stage) -> None:
    """Make the virtual environment of the example's own commands: the only part that needs an index of packages."""
    print("Set-up")
    stage.do("runtime")
    stage.do("check")


def play(stage: Stage) -> None:
    """All acts in order."""
    set_up(stage)
    started = time.monotonic()
    acts = _acts(stage)
    for number, (title, act) in enumerate(acts, start=1):
        print(f"\n{number}. {title}", flush=True)
        act(stage)
    print(f"\nAll {len(acts)} acts as told, in {time.monotonic() - started:.0f} s.")


def _acts(stage: Stage) -> list[tuple[str, Act]]:
    """What can be played where the story is told."""
    local = isinstance(stage.place, Local)
    found = [*ACTS, *(CONTAINED if stage.containers else []), *WORKSPACE]
    if stage.bytes_in:
        found += [*(IMAGES if stage.base else []), *STORE]
    else:
        print("The store's bytes are on another machine: none of them is changed in this telling (--bytes-in).")
    return [*found, *(COPIES if local else PODS), *HISTORY]


def _where(arguments: list[str]) -> dict[str, Any]:
    """Another store than the default one and where its bytes lie here, what images are laid on, and where they run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="oci://HOST/PATH")
    parser.add_argument("--bytes-in", type=Path, help="the folder on this machine that the store's bytes are in")
    parser.add_argument(
        "--containers", metavar="BASE", dest="base", help="end in images on this; needs --store, Docker"
    )
    parser.add_argument("--kubernetes", metavar="NAMESPACE", dest="namespace", help="run in a cluster; then no Docker")
    return vars(parser.parse_args(arguments))


def main() -> int:
    """Play, and clean up whatever happens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    stage = Stage(**_where(sys.argv[1:]))
    try:
        with stage:
            play(stage)
    except OtherwiseError as error:
        print(f"\nThe story turned out otherwise: {error}", file=sys.stderr)
        return 1
    left = stage.processes()
    if left:
        print(f"Left running: {left}", file=sys.stderr)
        return 1
    print("Nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

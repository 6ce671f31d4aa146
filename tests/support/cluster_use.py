"""Who uses a cluster of the tests: one is started by the first of a run and ends with the last (cluster_keeper.py)."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypeVar

T = TypeVar("T")
#: All clusters of this machine, so that one sweeps away what another left. Not below /var or /run, which they hide.
CLUSTERS = Path("/tmp/model-devops-test-clusters")
WORKER = "PYTEST_XDIST_WORKER" in os.environ
#: The process that runs the tests; xdist's workers are its children.
RUN = str(os.getppid() if WORKER else os.getpid())
#: Before a test's own variables are set: by those, what a test leaves is found and killed.
ENVIRONMENT = dict(os.environ)
#: Files in which a keeper tells why there is no cluster.
TOLD = ("failed", "keeper.log")


@contextlib.contextmanager
def used(folder: Path, programs: Path) -> Iterator[None]:
    """The cluster in a folder of CLUSTERS is up and stays so until the end of the block."""
    with share(folder):
        # A session of its own: Ctrl-C is for the tests. A second keeper sees the first, and ends.
        command = [sys.executable, str(Path(__file__).with_name("cluster_keeper.py")), str(folder), str(programs)]
        with (folder / "keeper.log").open("a") as log:
            keeper = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT)
        wait_for(lambda: (folder / "ready").exists() or (folder / "failed").exists() or keeper.poll(), 110)
        if not (folder / "ready").exists():
            raise AssertionError("".join(path.read_text() for path in folder.glob("*") if path.name in TOLD))
        yield


def share(folder: Path) -> TextIO:
    """The lock that says that a cluster is in use, until it is closed or this process ends."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            users = (folder / "users").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)
            # The last cluster in this folder may have been taken away, lock and all, while this one waited.
            if os.path.samestat(os.fstat(users.fileno()), (folder / "users").stat()):
                return users


def wait_for(condition: Callable[[], T], seconds: float = 60) -> T:
    """The first true value of a condition, which is asked again and again."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)
    return found


def wait_until_gone(folder: Path = CLUSTERS / RUN) -> None:
    """Wait until a cluster that nobody uses any more is down. Workers of xdist leave that to the process above them."""
    if not WORKER or folder != CLUSTERS / RUN:
        wait_for(lambda: not folder.exists())

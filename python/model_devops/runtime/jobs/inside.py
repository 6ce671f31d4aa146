"""Runs inside of a Job's pod, by its image's own Python, 3.6 or newer: nothing of ours is installed there.

It waits for the files, runs the commands, says how they ended, and waits until what they wrote was fetched. The
commands are children of the container's own process, not of a connection: who started them may die, and another take
over.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

WORK = os.environ["MODEL_DEVOPS_WORK"]
OWN = os.path.join(WORK, ".model-devops-job")
TAIL = 8000


def there(name: str) -> bool:
    """Whether a mark was made."""
    return os.path.exists(os.path.join(OWN, name))


def wait(name: str, seconds: float) -> bool:
    """Wait for a mark, as long as somebody is at work here and `seconds` more; whether it came."""
    began = time.time()
    while not there(name) and time.time() < max(began, seen()) + seconds:
        time.sleep(0.2)
    return there(name)


def seen() -> float:
    """When somebody was heard of last who sends files here, looks, or fetches."""
    users = os.path.join(OWN, "users")
    try:
        return max([os.path.getmtime(os.path.join(users, name)) for name in os.listdir(users)] or [0.0])
    except OSError:
        return 0.0


def run(command: str, seconds: float) -> "dict[str, object]":
    """Run one command where the files lie; how it ended."""
    began, tail = time.time(), ""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=os.path.join(WORK, "files"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    timer = threading.Timer(max(seconds, 0.001), lambda: os.killpg(process.pid, signal.SIGKILL))
    timer.start()
    for line in process.stdout or []:
        text = line.decode("utf-8", "replace")
        tail = (tail + text)[-TAIL:]
        sys.stdout.write(text)
        sys.stdout.flush()
    code = process.wait()
    late = not timer.is_alive()
    timer.cancel()
    return {"code": code, "tail": tail, "seconds": time.time() - began, "late": late}


def main() -> None:
    """All of it."""
    os.makedirs(OWN, exist_ok=True)
    if not wait("start", float(os.environ["MODEL_DEVOPS_WAIT"])):
        sys.exit("nobody sent the files")
    with open(os.path.join(OWN, "start")) as stream:
        wanted = json.load(stream)
    found, end = [], time.time() + wanted["seconds"]
    for command in wanted["commands"]:
        found.append(run(command, end - time.time()))
        if found[-1]["code"]:
            break
    path = os.path.join(OWN, "result")
    with open(path + ".new", "w") as stream:
        json.dump(found, stream)
    os.rename(path + ".new", path)
    wait("fetched", float(os.environ["MODEL_DEVOPS_WAIT"]))


if __name__ == "__main__":
    main()

"""What a test needs beyond Python, git and make: where that is missing the test is skipped, and in CI it fails."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

#: Read when tests are collected: before a test begins, its environment is emptied.
EVERYTHING = os.environ.get("MODEL_DEVOPS_TEST_ALL") == "1"


def lacking(what: str) -> NoReturn:
    """End this test because the machine lacks something. The summary of the run names it."""
    if EVERYTHING:
        pytest.fail(f"every test is to run here (MODEL_DEVOPS_TEST_ALL=1), but {what}")
    pytest.skip(what)


def program(name: str) -> str:
    """The path of a program that a test can't do without."""
    found = shutil.which(name)
    return found or lacking(f"there is no {name} on this machine")


def in_namespace(*arguments: str) -> list[str]:
    """The beginning of a command that runs in namespaces of its own (`unshare` with these arguments)."""
    command = [program("unshare"), *arguments]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        lacking(f"this machine lets nobody make a namespace ({' '.join(arguments)})")
    return command

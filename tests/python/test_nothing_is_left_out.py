"""A test is left out in one way only: it says what the machine lacks, and in CI that is a failure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SCRIPT = "from lacking import program\ndef test_it(): program('no-such-program')\n"


def test_no_test_is_left_out_in_any_other_way() -> None:
    ways = re.compile(r"pytest\.(skip|importorskip|xfail)\b|mark\.(skip|skipif|xfail)\b|\bunittest\.skip")
    found = [path.name for path in TESTS.rglob("*.py") if ways.search(path.read_text()) and path != Path(__file__)]
    assert found == ["lacking.py"]


@pytest.mark.parametrize(("everything", "code", "word"), [("", 0, "1 skipped"), ("1", 1, "MODEL_DEVOPS_TEST_ALL=1")])
def test_what_is_missing_is_named_and_in_ci_it_fails(tmp_path: Path, everything: str, code: int, word: str) -> None:
    (tmp_path / "test_it.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"MODEL_DEVOPS_TEST_ALL": everything, "PYTHONPATH": str(TESTS / "support")}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stdout
    assert "there is no no-such-program on this machine" in done.stdout


def test_ci_asks_for_every_test_and_the_summary_names_what_was_left_out() -> None:
    assert "export MODEL_DEVOPS_TEST_ALL=1" in (TESTS.parent / ".ci" / "run").read_text()
    assert "-rs" in (TESTS.parent / "pytest.ini").read_text()

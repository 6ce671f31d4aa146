"""Pages that are generated from the code are what the code says."""

import runpy
from pathlib import Path

import pytest

from model_devops.errors import MEANINGS, ExitCode

ROOT = Path(__file__).parents[2]
PAGES = runpy.run_path(str(ROOT / "tools" / "generate_docs.py"))["PAGES"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path](), "stale: run python tools/generate_docs.py"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("path", sorted((ROOT / "vars").glob("*.groovy")), ids=lambda path: path.stem)
def test_every_step_has_a_help_page_that_no_markup_formatter_spoils(path: Path) -> None:
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert text.startswith(f"{path.stem}: ")
    assert not set(text) & set("<>&")

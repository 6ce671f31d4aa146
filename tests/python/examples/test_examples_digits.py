"""The example and the README are what they claim to be."""

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.config.load import load, loads
from model_devops.content.digest import digest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "digits"


def helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_digest", EXAMPLE / "model_digest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters="\\/"), min_size=1).filter(
    lambda name: name not in {".", ".."}
)


@given(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5), st.lists(NAMES, max_size=3))
def test_D10_the_helper_of_one_file_computes_digest_v1(files: dict[str, bytes], ignore: list[str]) -> None:
    entries = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    assert helper().model_digest(files, ignore) == digest(entries, ignore)


def test_the_example_has_no_problem() -> None:
    model = load(EXAMPLE / "model.yaml").model
    assert list(model.environments) == ["test", "production"]
    assert model.serve
    assert len(model.serve.smoke[0].json["pixels"][0]) == 64


def test_every_file_of_the_example_is_part_of_the_release_or_known_not_to_be() -> None:
    code = load(EXAMPLE / "model.yaml").model.artifacts.code
    assert code is not None
    rest = {path.name for path in EXAMPLE.glob("*.py")} - set(code)
    assert rest == {"prepare.py"}


@pytest.mark.parametrize("page", ["README.md"])
def test_model_yaml_in_the_documentation_has_no_problem(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(name:.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        assert loads(block.encode(), page, tmp_path / "model.yaml").model.name == "digits"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), EXAMPLE / "README.md"]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []

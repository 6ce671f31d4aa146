"""The example and the README are what they claim to be."""

import re
from pathlib import Path

import pytest

from model_devops.config.load import load, loads

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "digits"


def test_D10_the_example_has_the_helper_as_it_is_published() -> None:
    published = ROOT / "python" / "model_devops" / "serving" / "model_digest.py"
    assert (EXAMPLE / "model_digest.py").read_bytes() == published.read_bytes()


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

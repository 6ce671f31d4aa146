"""The published JSON Schema, and that it says the same as the reader."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from model_devops.config import schema, shape
from model_devops.config.load import loads

ROOT = Path(__file__).parents[3]
EXAMPLE = """\
name: digits
artifacts: {model: model/, dataset: data/, code: [train.py], params: params.yaml, runtime: {file: r.txt, use: as-is}}
train: [python train.py]
check: {run: [ruff check .], allow: [model/x.joblib]}
test: {run: [python e.py], baseline: production, gates: {accuracy: {min: 0.95, max_drop: 0.005}}}
serve: {command: python serve.py, smoke: [{path: /p, method: POST, json: {a: [1]}, expect: {b: null}}]}
environments: {production: {target: local, port: 8080, approval: {not_author: {a@b.c: ab}}}}
"""


@pytest.mark.parametrize("file", [ROOT / "docs/model.schema.json", Path(shape.__file__).with_name("model.schema.json")])
def test_the_schema_that_is_kept_is_the_one_of_the_types(file: Path) -> None:
    assert file.read_text() == schema.text(), f"stale: run model-devops schema > {file}"


def test_the_schema_is_a_valid_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    assert schema.schema()["$schema"] == schema.DIALECT
    assert "$id" not in schema.schema()


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    assert not list(jsonschema.Draft202012Validator(schema.schema()).iter_errors(yaml.safe_load(EXAMPLE)))


@pytest.mark.parametrize(
    "change", [{"name": "A B"}, {"nam": "a"}, {"environments": {"Test": {}}}, {"artifacts": {}}, {"train": 1}]
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, object]) -> None:
    document = yaml.safe_load(EXAMPLE) | change
    assert list(jsonschema.Draft202012Validator(schema.schema()).iter_errors(document))


def test_the_schema_uses_only_what_the_reader_understands() -> None:
    understood = {
        *("$schema", "$ref", "$defs", "title", "description", "type", "default", "enum", "anyOf", "items"),
        *("properties", "required", "additionalProperties", "propertyNames"),
        *("pattern", "minLength", "minimum", "maximum"),
    }

    def keywords(node: object) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(keywords, node))
        if not isinstance(node, dict):
            return set()
        found = set(node)
        for key, value in node.items():
            named = key in ("properties", "$defs")
            found |= keywords(list(value.values()) if named else [] if key == "default" else value)
        return found

    assert keywords(json.loads(schema.text())) <= understood


def test_defaults_in_the_schema_are_those_of_the_types() -> None:
    assert schema.schema()["$defs"]["Environment"]["properties"]["proof"]["default"] == ["measured"]


def test_the_example_in_the_documentation_is_in_order() -> None:
    text = (ROOT / "docs/model-yaml.md").read_text()
    examples = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    assert [loads(block.encode(), "example").model.name for block in examples if "name:" in block] == ["digits"]


def test_every_key_is_in_the_documentation() -> None:
    text = (ROOT / "docs/model-yaml.md").read_text()
    keys = {key for struct in schema.schema()["$defs"].values() for key in struct["properties"]}
    assert not sorted(key for key in keys if f"`{key}`" not in text)

"""From a revision to objects: what templates are given, what becomes of values, and where problems are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_devops.errors import Problem, UsageError
from model_devops.manifests.render import built_in, documents, render
from model_devops.manifests.values import values
from revisions import IMAGE, revision

ROOT = Path(__file__).parents[3]
SMALL = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\ndata: {}\n"


def objects(templates: dict[str, str] | None = None, **settings: Any) -> dict[str, dict[str, Any]]:
    found = render(values("digits", "production", revision(**settings)), templates or {})
    return {one.kind: one.content for one in found}


def only(text: str, name: str = "extra.yaml.j2") -> dict[str, Any]:
    """The one object that a template of the team writes, ours left out."""
    silent = dict.fromkeys(built_in(), "")
    (found,) = render(values("digits", "production", revision()), {**silent, name: text})
    return found.content


def problem(text: str, name: str = "extra.yaml.j2") -> Problem:
    with pytest.raises(UsageError) as caught:
        only(text, name)
    (found,) = caught.value.problems
    return found


def server(**settings: Any) -> dict[str, Any]:
    return objects(**settings)["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_the_usual_objects_in_the_order_in_which_they_are_applied() -> None:
    kinds = [one.kind for one in render(values("digits", "production", revision()), {})]
    assert kinds == ["ServiceAccount", "ConfigMap", "NetworkPolicy", "Service", "Deployment", "PodDisruptionBudget"]


def test_every_object_has_the_label_by_which_all_are_removed() -> None:
    extra = SMALL.format("x", "{}")
    for one in render(values("digits", "production", revision()), {"x.yaml": extra}):
        assert one.content["metadata"]["labels"]["app.kubernetes.io/instance"] == "digits-production"
        assert one.namespace == "models"


def test_the_selector_never_has_what_changes_with_a_release() -> None:
    spec = objects()["Deployment"]["spec"]
    assert spec["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "digits",
        "app.kubernetes.io/instance": "digits-production",
    }
    assert server()["image"] == IMAGE


def test_pods_are_owned_by_an_autoscaler_where_there_is_one() -> None:
    scaled = objects(autoscale={"min": 2, "max": 5, "cpu": 60}, resources={"cpu": "1"})
    assert "replicas" not in scaled["Deployment"]["spec"]
    assert scaled["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] == 5
    assert objects()["Deployment"]["spec"]["replicas"] == 3


def test_one_pod_has_no_disruption_budget() -> None:
    assert "PodDisruptionBudget" not in objects(replicas=1)


def test_gpus_are_never_asked_for_twice() -> None:
    spec = objects(resources={"gpu": 1, "memory": "8Gi"})["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert server(resources={"gpu": 1, "memory": "8Gi"})["resources"] == {
        "requests": {"memory": "8Gi"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": 1},
    }


def test_deadlines_follow_from_the_size_of_the_image_and_the_time_to_start() -> None:
    small, large = objects(), objects(image={"reference": IMAGE, "digests": [], "size": 40 << 30})
    assert small["Deployment"]["spec"]["progressDeadlineSeconds"] == 5 + 60 + 10 + 120
    assert large["Deployment"]["spec"]["progressDeadlineSeconds"] == 2048 + 60 + 10 + 120
    slow = server(serve={"command": "x", "start_timeout": "10m"})["startupProbe"]
    assert slow["periodSeconds"] * slow["failureThreshold"] >= 600


def test_changed_variables_are_another_configmap() -> None:
    one, other = objects(env={"A": "1"}), objects(env={"A": "2"})
    names = [found["ConfigMap"]["metadata"]["name"] for found in (one, other)]
    assert names[0] != names[1]
    assert objects(env={"A": "1"})["ConfigMap"]["metadata"]["name"] == names[0]


@pytest.mark.parametrize("value", ['a: "b"', "{{ x }}", "- y\n# z", "on", "0o17", "\ue0000\ue000", "'", "\u2028"])
def test_a_value_is_never_read_as_yaml(value: str) -> None:
    assert objects(env={"A": value})["ConfigMap"]["data"]["A"] == value
    written = yaml.safe_load_all(documents(render(values("digits", "production", revision(env={"A": value})), {})))
    assert next(one for one in written if one["kind"] == "ConfigMap")["data"]["A"] == value


def test_values_stand_alone_or_in_text() -> None:
    found = only(
        SMALL.format("{{ name }}-extra", '\n  a: "{{ replicas }}"\n  b: {{ replicas }}\n  c: x{{ pull_secret }}')
    )
    assert found["metadata"]["name"] == "digits-production-extra"
    assert found["data"] == {"a": 3, "b": 3, "c": "x"}


def test_a_macro_writes_values_too() -> None:
    text = "{% macro both(a, b) %}{{ a }}/{{ b }}{% endmacro %}\n"
    assert only(text + SMALL.format("x", "\n  a: {{ both(name, replicas) }}"))["data"] == {"a": "digits-production/3"}


def test_a_template_of_the_same_name_replaces_ours_and_an_empty_one_removes_it() -> None:
    assert objects({"service.yaml.j2": SMALL.format("mine", "{}")})["ConfigMap"]["metadata"]["name"]
    assert "Service" not in objects({"service.yaml.j2": "{% if false %}x{% endif %}\n"})


def test_plain_yaml_is_no_template() -> None:
    assert only(SMALL.format("x", '\n  a: "{{ name }}"'), "extra.yaml")["data"] == {"a": "{{ name }}"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n\n{{ nmae }}\n", 3, "'nmae' is undefined"),
        ("a: 1\n{% if %}\n", 2, "Expected an expression"),
        ("a: 1\n{% for i in [1,2] %}\nb: 2\n{% endfor %}\n", 3, "the key b stands here twice"),
        ("a: 1\n\n  b: [\n", 3, "is no YAML"),
        ("a: &x {}\nb: *x\n", 1, "anchors and aliases"),
        ("{{ name }}: 1\n", 1, "a key can't be a value"),
        ("just text\n", 1, "is no Kubernetes object"),
        ("\n{{ 1 / 0 }}\n", 2, "division by zero"),
        ("\n{{ name.__class__.__mro__ }}\n", 2, "unsafe"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}xxxxxxxx{% endfor %}{% endfor %}",
            1,
            "more than 4 MiB",
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_template_s_line(text: str, line: int, words: str) -> None:
    found = problem(text)
    assert words in found.message
    assert (found.file, found.line) == ("extra.yaml.j2", line)


def test_a_mistyped_value_is_met_with_the_one_that_was_meant() -> None:
    assert problem("a: {{ enviroment }}\n").hint == "did you mean environment?"


def test_all_templates_that_cannot_be_filled_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        render(values("digits", "production", revision()), {"a.yaml.j2": "{{ x }}", "b.yaml.j2": "{{ y }}"})
    assert [one.file for one in caught.value.problems] == ["a.yaml.j2", "b.yaml.j2"]


def test_a_part_knows_its_line_in_the_template_after_a_loop() -> None:
    text = "{% for i in range(3) %}\n{# nothing #}\n{% endfor %}\napiVersion: v1\nkind: X\nmetadata:\n  name: x\n"
    silent = dict.fromkeys(built_in(), "")
    (found,) = render(values("digits", "production", revision()), {**silent, "x.yaml.j2": text})
    assert found.lines(("metadata", "name")) == 7


def test_the_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom revisions import revision\n"
        "from model_devops.manifests.values import values\n"
        "from model_devops.manifests.render import documents, render\n"
        "print(documents(render(values('d', 'p', revision(env={'b': '1', 'a': '2'})), {})))"
    )
    command = [sys.executable, "-c", code, str(ROOT / "tests/support")]
    runs = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_one_rendering_leaves_nothing_in_the_next() -> None:
    first = objects(env={"A": "1"})
    first["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert server(env={"A": "1"})["image"] == IMAGE


def test_every_value_is_documented() -> None:
    text = (ROOT / "docs/kubernetes.md").read_text()
    assert not [name for name in values("digits", "production", revision()) if f"`{name}`" not in text]

"""How the parts of a model.yaml fit together."""

import pytest

from model_devops.config.load import loads
from model_devops.errors import Problem, UsageError

HEAD = "name: digits\nartifacts: {model: model/}\nserve: {command: x, digest: /model}\n"
TWO = """\
environments:
  test: {target: local, port: 8081}
  production: {target: local, port: 8080}
"""


def problems(text: str) -> list[Problem]:
    try:
        loads(text.encode(), "model.yaml")
    except UsageError as error:
        return list(error.problems)
    return []


def only(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_parts_that_fit_are_no_problem() -> None:
    gates = "gates: {a: {min: 0.1, max: 0.2, max_drop: 0.1}, b: {max_rise: 1, baseline: test}}"
    environments = (
        "  third: {target: local, port: 1, requires: [tested, deployed:test], approval: {after: production}}\n"
    )
    assert not problems(HEAD + f"test: {{run: [x], baseline: production, {gates}}}\n" + TWO + environments)


@pytest.mark.parametrize(
    "text",
    [
        "test: {run: [x], baseline: produktion}\n",
        "test: {run: [x], gates: {a: {max_drop: 1, baseline: produktion}}}\n",
    ],
)
def test_a_baseline_names_an_environment(text: str) -> None:
    problem = only(HEAD + text + TWO)
    assert problem.message.endswith("there is no environment produktion")
    assert problem.allowed == ("production", "test")
    assert problem.hint == "did you mean production?"
    assert problem.line == 4


@pytest.mark.parametrize("condition", ["requires: [deployed:tset]", "approval: {after: tset}"])
def test_a_condition_names_an_environment(condition: str) -> None:
    problem = only(HEAD + TWO + f"  third: {{target: local, port: 1, {condition}}}\n")
    assert problem.hint == "did you mean test?"
    assert problem.line == 7


def test_a_baseline_without_environments_says_that_there_are_none() -> None:
    problem = only(HEAD + "test: {run: [x], baseline: production}\n")
    assert problem.hint == "there are no environments in this file"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("{}", "no condition"),
        ("{min: null}", "no condition"),
        ("{min: 2, max: 1}", "min 2 is above max 1"),
        ("{max_drop: 0.1}", "max_drop has nothing to compare with"),
        ("{min: 1, baseline: test}", "a baseline has no effect"),
        ("{max_drop: -1, baseline: test}", "-1 is not allowed"),
    ],
)
def test_a_gate_can_be_judged(gate: str, message: str) -> None:
    assert message in only(HEAD + f"test: {{run: [x], gates: {{a: {gate}}}}}\n" + TWO).message


def test_a_mistake_in_a_condition_is_one_problem() -> None:
    assert len(problems(HEAD + 'test: {run: [x], gates: {a: {min: "1"}}}\n')) == 1


def test_a_mistake_in_serve_is_one_problem() -> None:
    assert len(problems("name: a\nartifacts: {model: m}\nserve: x\n" + TWO)) == 1


@pytest.mark.parametrize("condition", ["requires: [deployed:production]", "approval: {after: production}"])
def test_environments_that_wait_for_each_other_are_refused(condition: str) -> None:
    found = problems(
        HEAD
        + "environments:\n"
        + f"  test: {{target: local, port: 1, {condition}}}\n"
        + "  production: {target: local, port: 2, requires: [deployed:test]}\n"
    )
    assert [problem.line for problem in found] == [5, 6]
    assert "waits for" in found[0].message


def test_an_environment_does_not_wait_for_itself() -> None:
    text = "environments:\n  test: {target: local, port: 1, requires: [deployed:test]}\n"
    assert "waits for test" in only(HEAD + text).message


def test_tested_needs_a_test() -> None:
    text = "environments:\n  test: {target: local, port: 1, requires: [tested]}\n"
    assert "nothing tests a release" in only(HEAD + text).message


@pytest.mark.parametrize("text", ["test: {run: []}\n", "train: []\n"])
def test_an_empty_list_of_commands_is_a_problem(text: str) -> None:
    assert "no command" in only(HEAD + text).message


def test_environments_need_a_serve_command() -> None:
    assert "serve command" in only("name: a\nartifacts: {model: m}\n" + TWO).message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("", ""),
        ("host: localhost,", "host: 127.0.0.1,"),
        ("host: 0.0.0.0,", ""),
        ("", "host: '::',"),
        ("host: A,", "host: a,"),
    ],
)
def test_D11_two_environments_of_one_address_are_refused(first: str, second: str) -> None:
    text = f"environments:\n  a: {{target: local, {first} port: 80}}\n  b: {{target: local, {second} port: 80}}\n"
    problem = only(HEAD + text)
    assert "one address" in problem.message
    assert problem.line == 6


def test_D11_one_port_on_two_hosts_is_allowed() -> None:
    text = "environments:\n  a: {target: local, port: 80}\n  b: {target: local, host: 127.0.0.2, port: 80}\n"
    assert not problems(HEAD + text)


def test_D11_name_and_environment_have_52_characters_together() -> None:
    text = "name: {name}\nartifacts: {{model: m}}\nserve: {{command: x}}\n"
    text += "environments: {{test: {{target: local, port: 1}}}}\n"
    assert not problems(text.format(name="n" * 40))
    text = text.replace("test:", "e" * 12 + ":")
    assert "longer than 52" in only(text.format(name="n" * 40)).message
    assert not problems(text.format(name="n" * 39))


@pytest.mark.parametrize("host", ["''", "'a b'", "http://x", "'a/b'", "'[::1]'"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert "no host name" in only(HEAD + f"environments: {{a: {{target: local, port: 1, host: {host}}}}}\n").message


def test_D10_a_local_target_proves_no_image() -> None:
    problem = only(HEAD + "environments: {a: {target: local, port: 1, proof: [image, measured]}}\n")
    assert problem.allowed == ("measured", "reported")


def test_D10_reported_needs_the_path_that_reports() -> None:
    text = HEAD.replace(", digest: /model", "") + "environments: {a: {target: local, port: 1, proof: [reported]}}\n"
    assert "reports its digest" in only(text).message


@pytest.mark.parametrize("name", ["PORT", "HOST", "MODEL_DEVOPS_RELEASE", "a-b", "1a", "'a=b'", "ä"])
def test_variables_are_the_teams_own_and_have_proper_names(name: str) -> None:
    assert "variable" in only(f"name: a\nartifacts: {{model: m}}\nserve: {{command: x, env: {{{name}: v}}}}\n").message
    assert "variable" in only(HEAD + f"environments: {{a: {{target: local, port: 1, env: {{{name}: v}}}}}}\n").message


@pytest.mark.parametrize("timeout", ["0s", "99999d", "9" * 30 + "s", "1w", "10", "-1s", "1.5h"])
def test_a_duration_is_a_number_and_a_unit_within_ten_years(timeout: str) -> None:
    assert problems(HEAD + f'test: {{run: [x], timeout: "{timeout}"}}\n')
    approval = f'approval: {{expires: "{timeout}"}}'
    assert problems(HEAD + f"environments: {{a: {{target: local, port: 1, {approval}}}}}\n")


def test_stopping_may_be_at_once() -> None:
    assert not problems("name: a\nartifacts: {model: m}\nserve: {command: x, stop_timeout: 0s}\n")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "~/x", "C:/x", "a\\b", "s3://bucket/x", "a/../..", "'a\tb'"]
)
@pytest.mark.parametrize(
    "place",
    [
        "artifacts: {{model: m, dataset: {path}}}",
        "artifacts: {{model: m, code: [a, {path}]}}",
        "artifacts: {{model: m, runtime: {path}}}",
        "artifacts: {{model: m, runtime: {{file: {path}}}}}",
        "artifacts: {{model: m}}\ncheck: {{allow: [{path}]}}",
        "artifacts: {{model: m}}\ntest: {{run: [x], metrics: {path}}}",
        "artifacts: {{model: m}}\ntest: {{run: [x], junit: {path}}}",
        "artifacts: {{model: m}}\ntest: {{run: [x], code: [{path}]}}",
        "artifacts: {{model: m}}\nmoved_from: {path}",
    ],
)
def test_C2_a_path_stays_in_the_folder_of_model_yaml(path: str, place: str) -> None:
    assert len(problems(f"name: a\n{place.format(path=path)}\n")) == 1


@pytest.mark.parametrize("path", ["model/", "model/*.onnx", "./model", "a/../b", "..x", "a b", "größe.bin", "."])
def test_C2_other_paths_are_fine(path: str) -> None:
    assert not problems(f"name: a\nartifacts: {{model: '{path}'}}\n")


@pytest.mark.parametrize("place", ["params: '*.yaml'", "runtime: reqs/", "runtime: {file: '*.txt'}"])
def test_one_file_is_one_file(place: str) -> None:
    assert "must name one file" in problems(f"name: a\nartifacts: {{model: m, {place}}}\n")[0].message


def test_B11_parameters_are_yaml_or_json() -> None:
    assert only("name: a\nartifacts: {model: m, params: params.toml}\n").allowed == (".yaml", ".yml", ".json")


def test_an_artifact_names_something() -> None:
    assert "names no file" in only("name: a\nartifacts: {model: []}\n").message


@pytest.mark.parametrize("branch", ["''", "a b", "refs/heads/main", "-x", "a..b", "a.lock", "/a", "a/", "'a~1'", "'@'"])
def test_a_release_branch_is_the_name_of_a_branch(branch: str) -> None:
    assert "no name of a branch" in only(HEAD + f"release_branch: {branch}\n").message


@pytest.mark.parametrize("branch", ["main", "release/1.x", "feature_x"])
def test_the_usual_branches_are_fine(branch: str) -> None:
    assert not problems(HEAD + f"release_branch: {branch}\n")


def test_a_store_is_a_folder_or_in_a_registry() -> None:
    assert not problems(HEAD + "store: oci://registry.example/models\n")
    assert "a store is a folder, or oci://" in only(HEAD + "store: s3://bucket/models\n").message
    assert "the path may hold" in only(HEAD + "store: oci://registry.example/Models\n").message


def test_V2_names_in_a_signature_are_unique() -> None:
    tensor = "{name: x, dtype: float32, shape: [-1, 64, n]}"
    assert not problems(HEAD + f"signature: {{inputs: [{tensor}], outputs: [{tensor}]}}\n")
    assert "twice" in only(HEAD + f"signature: {{inputs: [{tensor}, {tensor}], outputs: []}}\n").message


def test_more_environments_than_anybody_has_are_refused() -> None:
    many = "".join(f"  e{n}: {{target: local, port: {n + 1}}}\n" for n in range(251))
    assert "more than 250" in only(HEAD + "environments:\n" + many).message


def test_a_gate_may_ask_for_one_value() -> None:
    assert not problems(HEAD + "test: {run: [x], gates: {seeds: {min: 3, max: 3}}}\n")


ON_A_BASE = HEAD + "store: oci://registry.example.com/team\npackage: "


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("{}", "names neither a base nor a Dockerfile"),
        ("{base: python:3, dockerfile: Dockerfile}", "not both"),
        ("{base: python:3, context: x/}", "only a Dockerfile has a context"),
        ("{base: 'UPPER:3'}", "no name of an image"),
        ("{base: python:3, image: x.example/y:1}", "names a tag or digest"),
        ("{base: python:3, platform: amd64}", "'amd64' is not allowed"),
        ("{base: 'oci://x.example/y:1'}", "leave out oci://"),
        ("{base: 'ann:secret@x.example/y:1'}", "an image on x.example holds a login"),
        ("{dockerfile: ../Dockerfile}", "leaves the folder of model.yaml"),
        ("{dockerfile: docker/}", "must name one file"),
    ],
)
def test_an_image_is_made_in_one_way(package: str, message: str) -> None:
    assert message in only(ON_A_BASE + package + "\n").message


def test_an_image_that_can_be_made_is_no_problem() -> None:
    assert not problems(ON_A_BASE + "{base: python:3}\n")
    assert not problems(ON_A_BASE + "{dockerfile: a/Dockerfile, context: ., platform: linux/arm64/v8}\n")
    assert not problems(HEAD + "package: {base: python:3, image: registry.example.com/team/x}\n")


def test_an_image_on_a_base_runs_the_serve_command() -> None:
    text = ON_A_BASE.replace("serve: {command: x, digest: /model}\n", "") + "{base: python:3}\n"
    assert "entry point" in only(text).message


def test_a_container_test_needs_an_image_and_requests_need_a_container() -> None:
    test = "test:\n  run: [a]\n  container: true\n"
    bare = "name: digits\nartifacts: {model: model/}\n"
    assert [one.message for one in problems(bare + test)] == [
        "test.container: there is no `package`",
        "test.container: there is no `serve`",
    ]
    assert "no `package`" in only(HEAD + test).message
    assert "nobody is asked" in only(HEAD + "test:\n  run: [a]\n  requests: r.jsonl\n").message


CONTAINED = ON_A_BASE + "{base: python:3}\ntest:\n  run: [a]\n"


def test_a_value_with_a_problem_of_its_own_is_one_problem() -> None:
    """Whether requests are asked can't be told where `container` isn't understood."""
    assert "must be true or false" in only(CONTAINED + "  container: yes please\n  requests: r.jsonl\n").message


def test_requests_are_one_file_of_the_folder() -> None:
    for path, words in {"../r.jsonl": "leaves the folder", "requests/": "must name one file"}.items():
        assert words in only(CONTAINED + f"  container: true\n  requests: {path}\n").message


def test_gates_on_the_container_name_what_it_measures() -> None:
    """A misspelt one would fail only after everything has run."""
    test = CONTAINED + "  container: true\n"
    gates = "  gates: {container.startup_s: {max: 3}, container.latency_p95_ms: {max: 3}}\n"
    assert not problems(test + "  requests: r.jsonl\n" + gates)
    assert "only where the container is asked" in only(test + gates).message
    problem = only(test + "  gates: {container.peak_memory: {max: 3}}\n")
    assert problem.message == "test.gates.container.peak_memory: the container test has no such metric"
    assert "container.startup_s" in problem.allowed
    assert problem.hint == "did you mean container.peak_memory_mb?"
    assert not problems(HEAD + "test: {run: [a], gates: {container.size: {max: 3}}}\n"), "a team's own metric"


def test_resources_are_amounts_as_kubernetes_writes_them() -> None:
    serve = "name: digits\nartifacts: {model: model/}\nserve:\n  command: a\n  resources: "
    for good in ("{cpu: '2', memory: 1Gi}", "{cpu: 500m}", "{cpu: '0.5', memory: 512M}", "{memory: '1048576'}"):
        assert not problems(serve + good + "\n")
    found = [one.message for one in problems(serve + "{cpu: two, memory: 1GB}\n")]
    assert found == [
        "serve.resources.cpu: 'two' is no number of processors",
        "serve.resources.memory: '1GB' is no amount of memory",
    ]
    assert "'0Mi' is no amount" in only(serve + "{memory: 0Mi}\n").message

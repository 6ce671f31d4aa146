"""What the pages on Jenkins show can be used as it stands: YAML, calls of steps, and messages."""

import ast
import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

from model_devops import __version__

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STEPS = {step.name: step for step in runpy.run_path(str(ROOT / "tools" / "generate_docs.py"))["step_pages"].STEPS}
TAKEN = json.loads((ROOT / "resources" / "org" / "modeldevops" / "arguments.json").read_text())
CREDENTIALS = set(
    re.findall(r"^        (\w+): \[", (ROOT / "src/org/modeldevops/Credentials.groovy").read_text(), re.M)
)
STAGES = {key: f"model{key.capitalize()}" for key in ("check", "build", "test", "approve", "deploy", "notify")}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)


def shown(language: str) -> list:
    return [
        pytest.param(text, id=f"{path.stem}-{number}")
        for path in PAGES
        for number, text in enumerate(blocks(path, language))
    ]


@pytest.mark.parametrize("text", shown("yaml"))
def test_yaml_in_the_docs_can_be_read(text: str) -> None:
    comments_only = all(line.startswith("#") for line in text.splitlines())
    assert isinstance(yaml.safe_load(text), (dict, list)) != comments_only


def test_configuration_as_code_has_the_keys_that_jenkins_knows() -> None:
    """The attributes of LibraryConfiguration, SCMSourceRetriever and GitSCMSource, as the plugin exports them."""
    [text] = blocks(ROOT / "docs" / "jenkins.md", "yaml")
    [library] = yaml.safe_load(text)["unclassified"]["globalLibraries"]["libraries"]
    assert library["name"] == "model-devops"
    known = {"name", "defaultVersion", "allowVersionOverride", "implicit", "includeInChangesets", "retriever"}
    assert library.keys() <= known
    assert list(library["retriever"]) == ["modernSCM"]
    assert list(library["retriever"]["modernSCM"]) == ["scm"]
    source = library["retriever"]["modernSCM"]["scm"]
    assert list(source) == ["git"]
    assert source["git"].keys() <= {"remote", "credentialsId", "id", "traits"}
    assert library["defaultVersion"] == f"v{__version__}"


def test_the_pod_mounts_the_volume_that_it_has() -> None:
    [text] = blocks(ROOT / "docs" / "agents.md", "yaml")
    pod = yaml.safe_load(text)["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container["name"]
        assert container["image"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        paths = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {entry["value"] for entry in container["env"] if entry["name"] == "XDG_CACHE_HOME"} == paths


def arguments(text: str) -> dict[str, str]:
    """Named arguments of a call or map by the text of their values; `text` begins after its opening bracket."""
    depth, quote, parts = 0, "", [""]
    for char in re.sub(r"//[^\n]*", "", text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0:
                break
        if char == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += char
    pairs = [re.fullmatch(r"\s*(\w+):\s*(.*?)\s*", part, re.S) for part in parts]
    return {pair[1]: pair[2] for pair in pairs if pair}


def taken(step: str) -> set[str]:
    own = {name for names in STEPS[step].own for name in names.split(", ")}
    return TAKEN.get(step, {}).keys() | own | CREDENTIALS


def strange(step: str, given: dict[str, str]) -> list[str]:
    """The arguments that the step doesn't take; for modelPipeline also those in the maps of its stages."""
    found = [f"{step}: {name}" for name in given if name not in taken(step)]
    if step == "modelPipeline":
        inner = {STAGES[name]: value for name, value in given.items() if name in STAGES and value.startswith("[")}
        found += [wrong for name, value in inner.items() for wrong in strange(name, arguments(value[1:]))]
    return found


CALL = re.compile(r"\b(model[A-Z]\w*)\(")


@pytest.mark.parametrize(
    "path",
    [*PAGES, *sorted((ROOT / "vars").glob("*.txt")), *sorted((ROOT / "examples" / "pipelines").iterdir())],
    ids=lambda path: path.name,
)
def test_every_call_of_a_step_that_is_shown_can_be_made(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for found in CALL.finditer(text):
        assert found[1] in STEPS, f"there is no step {found[1]}"
        assert strange(found[1], arguments(text[found.end() :])) == []


def test_the_calls_of_the_docs_are_found_and_looked_into() -> None:
    text = "modelPipeline(node: 'a, (b', tset: 1, build: [params: [c: 1], reson: 'x'], test: { s -> sh 'y: z' })"
    given = arguments(text.partition("(")[2])
    assert list(given) == ["node", "tset", "build", "test"]
    assert strange("modelPipeline", given) == ["modelPipeline: tset", "modelBuild: reson"]


def python_words(path: Path) -> list[str]:
    """String literals; what is computed inside one is a gap."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def groovy_words(path: Path) -> list[str]:
    text = re.sub(r"(['\"]) \+\s*(['\"])", "", path.read_text(encoding="utf-8"))
    return [re.sub(r"\$\{.*?\}", "\0", found) for found in re.findall(r"""(?<!\\)["'](.*?)(?<!\\)["']""", text)]


@pytest.fixture(scope="module")
def said() -> str:
    library = ROOT / "resources" / "org" / "modeldevops"
    python = [*(ROOT / "python" / "model_devops").rglob("*.py"), library / "agent.py"]
    words = [word for path in python for word in python_words(path)]
    words += [word for path in (ROOT / "src").rglob("*.groovy") for word in groovy_words(path)]
    shell = re.sub(r"\$\{\w+:[-+]", "", (library / "run.sh").read_text())
    return " ".join("\1".join([*words, shell]).split())


def headings(page: str) -> list:
    """The first column of a page's tables whose head is `message`."""
    lines, found, inside = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines(), [], False
    for line in lines:
        inside = line.startswith("| message |") or (inside and line.startswith("|"))
        if inside and not re.match(r"\| (message|---) \|", line):
            cell = line.split("|")[1].strip()
            found += [pytest.param(text, id=text) for text in re.findall(r"`([^`]+)`", cell) or [cell]]
    return found


#: What stands for something else in a heading: an ellipsis, a name in capitals, a number, version, path or list.
GAP = re.compile(
    r"…|\b(?:X|N|NAME|PATH|Item\.Build|anonymous)\b|\S*\d+\.\d+\.?\d*|\b\d{3}\b|\S*=\S*|/\S*|\bon PATH\b|[()\"]"
)


def can_be_said(part: str, said: str) -> bool:
    """Whether the code has these words; a part of them may be computed, or be a literal of its own."""
    words = part.split()
    joints = ((" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words)))
    if part in said or any(f"{one} \0" in said and f"\1{other}" in said for one, other in joints):
        return True
    gaps = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    spoken = (" ".join([*words[:start], "\0", *words[end:]]) for start, end in gaps if 2 * (end - start) <= len(words))
    return any(text in said for text in spoken)


@pytest.mark.parametrize("heading", [*headings("jenkins.md"), *headings("agents.md"), *headings("jenkins-jobs.md")])
def test_every_message_that_the_docs_explain_can_be_said(heading: str, said: str) -> None:
    parts = [" ".join(part.split()).strip(" :,") for part in GAP.split(heading)]
    literal = [part for part in parts if len(part) > 2]
    assert literal, f"nothing of {heading!r} is literal"
    assert [part for part in literal if not can_be_said(part, said)] == []


def test_a_message_that_nothing_says_is_found_out(said: str) -> None:
    assert can_be_said("has no Python that model-devops can use", said)
    assert can_be_said("can't make virtual environments: it has no ensurepip", said)
    assert not can_be_said("has no Ruby that model-devops can use", said)
    assert not can_be_said("the disc is full", said)


def test_there_are_messages_in_the_docs() -> None:
    assert [len(headings(page)) > 5 for page in ("jenkins.md", "agents.md", "jenkins-jobs.md")] == [True] * 3

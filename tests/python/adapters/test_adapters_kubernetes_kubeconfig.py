"""Which cluster is meant, and what is said where no file tells: before anything is asked of a cluster."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from model_devops.adapters.kubernetes.client import connect
from model_devops.errors import RefusedError, UsageError

GOOD = """\
apiVersion: v1
kind: Config
current-context: staging
clusters:
- {name: here, cluster: {server: "http://127.0.0.1:9"}}
- {name: there, cluster: {server: "https://there.example:6443"}}
users:
- {name: ci, user: {token: s3cr3t-t0k3n}}
contexts:
- {name: staging, context: {cluster: here, user: ci, namespace: digits}}
- {name: production, context: {cluster: there, user: ci}}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a kubeconfig and have KUBECONFIG name it; several of them in their order."""
    monkeypatch.setenv("HOME", str(tmp_path))
    names: list[str] = []

    def written(text: str, name: str = "config") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        names.append(str(path))
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join(names))
        return path

    return written


def refused(context: str | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        connect(context)
    assert caught.value.kind == "kubeconfig"
    return caught.value


def test_the_current_context_is_meant_and_its_namespace(write) -> None:
    write(GOOD)
    assert connect().default_namespace == "digits"
    assert connect("production").default_namespace == "default"


def test_the_home_folders_file_is_taken_where_none_is_named(write, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".kube").mkdir()
    write(GOOD, ".kube/config")
    monkeypatch.delenv("KUBECONFIG")
    assert connect().default_namespace == "digits"


def test_of_several_files_the_first_word_counts(write) -> None:
    write(GOOD)
    write(GOOD.replace("current-context: staging", "current-context: production").replace("digits", "other"), "second")
    assert connect().default_namespace == "digits"
    assert connect().session.access.way().base == "http://127.0.0.1:9"


def test_a_context_may_be_put_together_from_several_files(write, tmp_path: Path, monkeypatch) -> None:
    first, rest = GOOD.split("users:\n")
    write(first)
    write("users:\n" + rest, "second")
    monkeypatch.setenv("KUBECONFIG", os.environ["KUBECONFIG"] + os.pathsep + str(tmp_path / "not there"))
    assert connect().session.access.way().headers == {"authorization": "Bearer s3cr3t-t0k3n"}


def test_a_missing_file_is_named_and_what_to_do(write, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    error = refused()
    assert error.message == f"there is no kubeconfig: {tmp_path / 'nothing'} not found"
    assert error.hint
    assert "KUBECONFIG" in error.hint


@pytest.mark.parametrize(
    ("context", "hint"), [("stagin", "did you mean staging?"), ("x", "contexts there: production, staging")]
)
def test_an_unknown_context_is_said_with_those_that_are_there(write, context: str, hint: str) -> None:
    path = write(GOOD)
    error = refused(context)
    assert error.message == f"{path} has no context {context!r}"
    assert error.hint == hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("current-context: staging\n", ""), "{path} names no current context"),
        (("cluster: here", "cluster: nowhere"), "context 'staging' of {path} names the cluster 'nowhere', which isn't"),
        (
            ("cluster: here, user: ci", "cluster: here, user: me"),
            "context 'staging' of {path} names the user 'me', which",
        ),
        (("http://127.0.0.1:9", "127.0.0.1"), "cluster 'here' of {path}: `server` is no address"),
        (('server: "http://127.0.0.1:9"', ""), "cluster 'here' of {path}: `server` is no address"),
        (("users:", "users: ["), "the kubeconfig {path} can't be read: line "),
        (("{name: ci,", "{"), "the kubeconfig {path} can't be read: an entry has no 'name'"),
        (("users:\n- ", "users:\n  ci: "), "the kubeconfig {path} can't be read: it is not built as one"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_its_secrets(write, change: tuple[str, str], message: str) -> None:
    path = write(GOOD.replace(*change))
    error = refused()
    assert error.message.startswith(message.format(path=path)), error.message
    assert "s3cr3t" not in f"{error.message}{error.hint}"


@pytest.mark.parametrize("text", ["", "- a\n", "text\n", "\x00", "[" * 100_000])
def test_a_file_that_is_no_kubeconfig_is_refused(write, text: str) -> None:
    path = write(text)
    assert str(path) in refused().message


@pytest.mark.parametrize("name", ["certificate-authority", "client-certificate"])
def test_a_certificate_that_is_not_there_is_named(write, tmp_path: Path, name: str) -> None:
    text = GOOD.replace("http://127", "https://127")
    where = "token: s3cr3t-t0k3n" if name.startswith("client") else 'server: "https://127.0.0.1:9"'
    write(text.replace(where, f"{where}, {name}: ca.crt"))
    with pytest.raises(UsageError, match=r"File does not exist: .*/ca\.crt"):
        connect().get("Pod", "x")


def plugin(command: str) -> str:
    shape = f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command!r}, interactiveMode: Never}}"
    return GOOD.replace("token: s3cr3t-t0k3n", shape)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo you are logged out >&2; exit 3", "exec: process returned 3. you are logged out"),
        ("echo nonsense", "exec: failed to decode process output"),
        ('echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": {}}\'', "missing token"),
    ],
)
def test_a_plugin_that_gives_nothing_is_told_in_its_words(write, tmp_path: Path, script: str, words: str) -> None:
    program = tmp_path / "login helper"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    write(plugin(str(program)))
    with pytest.raises(RefusedError, match=words) as caught:
        connect().get("Pod", "x")
    assert caught.value.kind == "unauthenticated"
    assert str(program) in caught.value.message
    assert "staging" in caught.value.message


def test_a_plugin_that_is_not_there_is_named(write) -> None:
    write(plugin("no-such-helper"))
    with pytest.raises(
        RefusedError, match="no-such-helper, which is to give the credentials of context staging, failed: "
    ):
        connect().get("Pod", "x")


def test_a_plugin_that_hangs_ends(write, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("model_devops.adapters.kubernetes.kubeconfig.PLUGIN", 0.2)
    program = tmp_path / "helper"
    program.write_text("#!/bin/sh\nexec sleep 5\n")
    program.chmod(0o755)
    write(plugin(str(program)))
    with pytest.raises(RefusedError, match=r"no answer within 0\.2 s"):
        connect().get("Pod", "x")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys; import model_devops.adapters.kubernetes.client;"
        "print({'kubernetes', 'urllib3', 'yaml', 'websocket'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

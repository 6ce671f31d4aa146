"""Runtimes: pinned at build, made once and whole, the same for everybody (B3)."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.release.record import Identity, Inputs, Origin, Record
from model_devops.release.store import Stored
from model_devops.runtime import environment, interpreter
from model_devops.runtime.commands import run_command
from model_devops.runtime.lock import Header, Pin, dumps, header_of
from model_devops.runtime.resolve import resolve


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_wheel) -> Path:
    """A folder of wheels in place of an index."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "Zed.Pack", "1.0", ("alpha>=1",))
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "alpha", "1.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "requirements.txt").write_text(text)
    return tmp_path / "requirements.txt"


def python_says(venv: Path | None, code: str, cwd: Path) -> str:
    return run_command(f'python -c "{code}"', cwd, venv=venv).output_tail.strip()


def test_B3_the_resolved_set_has_sorted_normal_names_and_hashes(tmp_path: Path):
    lock = resolve(written(tmp_path, "Zed_Pack\nalpha<1.1\n")).decode().splitlines()
    assert lock[0] == "# model-devops runtime v1"
    assert lock[1] == f"# python {interpreter.on_path().version}"
    assert [line.split(" --hash=sha256:")[0] for line in lock[3:]] == ["alpha==1.0", "zed-pack==1.0"]
    assert all(len(line.split("sha256:")[1]) == 64 for line in lock[3:])


def test_B3_the_same_set_has_the_same_bytes(tmp_path: Path):
    first = resolve(written(tmp_path, "zed-pack\nalpha\n"))
    assert first == resolve(b"alpha>=1 # other words\nZED.pack==1.0\n")


def test_B3_an_unknown_package_is_a_usage_error_in_pips_words(tmp_path: Path):
    with pytest.raises(UsageError) as caught:
        resolve(written(tmp_path, "no-such-package\n"))
    assert any("no-such-package" in problem.message for problem in caught.value.problems)


def test_B3_no_answer_of_the_index_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://u:s3cret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UnreachableError) as caught:
        resolve(written(tmp_path, "alpha\n"))
    assert "s3cret" not in str(caught.value.problems)


def test_T1_requirements_get_the_variables_that_they_name_and_no_credential_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whoever may write a branch's requirements could else send a key to an index of their own."""
    asked: list[str] = []

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("INDEX_TOKEN", "shown")
    for name in ("MODEL_DEVOPS_SIGNING_KEY", "MODEL_DEVOPS_SIGNING_PASSWORD", "MODEL_DEVOPS_GIT_PASSWORD"):
        monkeypatch.setenv(name, "s3cret")
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        names = "${INDEX_TOKEN}/${MODEL_DEVOPS_SIGNING_KEY}/${MODEL_DEVOPS_SIGNING_PASSWORD}"
        url = f"http://127.0.0.1:{server.server_port}/{names}/${{MODEL_DEVOPS_GIT_PASSWORD}}"
        with pytest.raises(UsageError):
            resolve(written(tmp_path, f"--index-url {url}\nno-such-package\n"))
        server.shutdown()
    assert any("/shown/" in path for path in asked)
    assert not any("s3cret" in path for path in asked)


def test_B3_the_environment_holds_what_the_lock_names_whatever_is_newer(tmp_path: Path, index: Path, make_wheel):
    lock = resolve(written(tmp_path, "zed-pack\nalpha<1.1\n"))
    make_wheel(index, "alpha", "1.2")
    venv = environment.make(lock)
    assert python_says(venv, "import alpha; print(alpha.version)", tmp_path) == "1.0"
    assert environment.make(lock) == venv


def test_the_time_of_the_last_use_is_kept_for_whoever_frees_space(tmp_path: Path):
    lock = resolve(written(tmp_path, "alpha<1.1\n"))
    marker = environment.make(lock) / "model-devops-whole"
    os.utime(marker, (1, 1))
    environment.make(lock)
    assert marker.stat().st_mtime > time.time() - 3600


def test_B3_what_PYTHONPATH_holds_does_not_reach_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reached = tmp_path / "reached"
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(
        f"import sys\nif any('pip' in word for word in sys.orig_argv): open({str(reached)!r}, 'w')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    environment.make(resolve(written(tmp_path, "alpha<1.1\n")))
    assert not reached.exists()


def test_B3_other_bytes_of_a_package_are_refused(tmp_path: Path, index: Path, make_wheel):
    lock = resolve(written(tmp_path, "alpha==1.0\n"))
    make_wheel(index, "alpha", "1.0", body="changed = True\n")
    with pytest.raises(RefusedError) as caught:
        environment.make(lock)
    assert caught.value.kind == "runtime-differs"
    assert any("alpha==1.0" in problem.message for problem in caught.value.problems)


def test_B3_a_half_made_environment_is_made_again(tmp_path: Path):
    lock = resolve(written(tmp_path, "alpha\n"))
    venv = environment.make(lock)
    (venv / "model-devops-whole").unlink()
    (next(venv.glob("lib/*/site-packages")) / "alpha.py").write_text("version = 'half'\n")
    assert python_says(environment.make(lock), "import alpha; print(alpha.version)", tmp_path) == "1.1"


MAKE = "import sys; from model_devops.runtime import environment as e; print(e.make(open(sys.argv[1],'rb').read()))"


def start(lock: Path) -> subprocess.Popen[str]:
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", MAKE, str(lock)], env=variables, stdout=subprocess.PIPE, text=True)


def test_B3_an_environment_whose_maker_was_killed_is_made_again(tmp_path: Path, home: Path):
    lock = tmp_path / "lock"
    lock.write_bytes(resolve(written(tmp_path, "alpha\n")))
    killed = start(lock)
    deadline = time.monotonic() + 20
    while not list(home.glob("cache/runtimes/*/bin/python")) and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not list(home.glob("cache/runtimes/*/model-devops-whole"))
    venv = environment.make(lock.read_bytes())
    assert python_says(venv, "import alpha; print(alpha.version)", tmp_path) == "1.1"


def test_B3_several_builds_making_one_environment_at_once_get_one(tmp_path: Path):
    lock = tmp_path / "lock"
    lock.write_bytes(resolve(written(tmp_path, "zed-pack\n")))
    answers = {process.communicate()[0].strip() for process in [start(lock) for _ in range(3)]}
    assert len(answers) == 1
    assert python_says(Path(answers.pop()), "import zed_pack; print(zed_pack.version)", tmp_path) == "1.0"


def test_B3_a_python_that_is_not_here_is_named(tmp_path: Path):
    lock = dumps(Header("3.99", "linux-x86_64", as_is=False), [], [Pin("alpha", "1.0", ("0" * 64,))])
    with pytest.raises(UsageError, match=r"Python 3\.99") as caught:
        environment.make(lock)
    assert "python3.99" in (caught.value.hint or "")


def test_a_lock_that_is_not_ours_is_refused():
    with pytest.raises(RefusedError):
        environment.make(b"alpha==1.0\n")


def test_B3_requirements_of_nothing_make_an_empty_environment(tmp_path: Path):
    venv = environment.for_requirements(written(tmp_path, "# nothing\n"))
    assert python_says(venv, "import sys; print(sys.prefix)", tmp_path) == str(venv)


def test_B3_without_an_index_check_uses_the_set_of_last_time(tmp_path: Path, monkeypatch, warned):
    file = written(tmp_path, "alpha\n")
    venv = environment.for_requirements(file)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert environment.for_requirements(file) == venv
    assert warned == [f"no package index answers: using the set that {file.name} resolved to last time"]
    with pytest.raises(UnreachableError):
        environment.for_requirements(written(tmp_path, "alpha # other bytes\n"))


@pytest.mark.parametrize("place", ["/dev/null/home", "/proc/model-devops"])
def test_without_a_writable_cache_a_folder_of_our_own_is_used_and_said(place, tmp_path, monkeypatch, warned):
    monkeypatch.setenv("MODEL_DEVOPS_HOME", place)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lock = dumps(Header(interpreter.on_path().version, "any", as_is=False), [], [])
    venv = environment.make(lock)
    assert venv.is_relative_to(tmp_path / f"model-devops-{os.getuid()}")
    assert len(warned) == 1
    assert place in warned[0]
    (tmp_path / f"model-devops-{os.getuid()}").chmod(0o777)
    with pytest.raises(UsageError, match="can be written by others"):
        environment.make(lock.replace(b"any", b"other"))


def test_B3_as_is_records_what_is_there_and_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    venv = environment.make(resolve(written(tmp_path, "zed-pack\nalpha==1.0\n")))
    monkeypatch.setenv("PATH", f"{venv / 'bin'}:{os.environ['PATH']}")
    asked = written(tmp_path, 'alpha>=1.1\nZed.Pack\nmissing\nelsewhere; sys_platform == "nowhere"\n')
    lock, differences = environment.as_is(asked)
    assert lock.decode().splitlines()[3:] == ["# use as-is", "alpha==1.0", "zed-pack==1.0"]
    assert header_of(lock).as_is
    assert differences == [
        "requirements.txt:1 asks for alpha>=1.1, there is 1.0",
        "requirements.txt:3 asks for missing, which is not installed",
    ]


class OneFile:
    """A store of one release with one file."""

    def __init__(self, lock: bytes) -> None:
        self.lock = lock

    def read_file(self, _release: Stored, artifact: str, path: str) -> bytes:
        assert (artifact, path) == ("runtime", "requirements.lock")
        return self.lock


def release_with(artifacts: dict[str, str]) -> Stored:
    record = Record(
        name="digits",
        version="1.0.0",
        reasons=[],
        identity=Identity(artifacts=artifacts),
        inputs=Inputs(artifacts={}),
        path="model.yaml",
        layout={},
        origin=Origin(build_id="b", time="t"),
    )
    return Stored("sha256:" + "0" * 64, record)


def test_B3_a_release_runs_in_its_own_set(tmp_path: Path):
    lock = resolve(written(tmp_path, "alpha==1.0\n"))
    with_runtime, without = release_with({"model": "m", "runtime": "r"}), release_with({"model": "m"})
    venv = environment.for_release(OneFile(lock), with_runtime)
    assert python_says(venv, "import alpha; print(alpha.version)", tmp_path) == "1.0"
    assert environment.for_release(OneFile(lock), without) is None
    as_is, _ = environment.as_is(tmp_path / "requirements.txt")
    assert environment.for_release(OneFile(as_is), with_runtime) is None

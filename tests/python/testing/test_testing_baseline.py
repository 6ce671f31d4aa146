"""The baseline is what runs, measured on the same data and evaluation code, or the gate is not comparable (T3, T4)."""

from pathlib import Path

import pytest

from mini_project import PYTHON, Mini
from model_devops.deploy.revision import Revision
from model_devops.errors import FailedError, UnreachableError
from model_devops.policy.person import Person
from model_devops.project import Project, open_project
from model_devops.release.evidence import Deployed
from model_devops.release.store import Stored
from model_devops.testing import running
from model_devops.testing.baseline import Running
from model_devops.testing.flow import Acceptance, Outcome, test_release

MODEL = """\
name: mini
artifacts:
  model: model/
  dataset: data/
  code: [train.py, evaluate.py, lib.py]
  params: params.yaml
train: PYTHON train.py
test:
  run: [PYTHON evaluate.py]
  baseline: production
  gates: {accuracy: {max_drop: 0.05}}
  TESTCODE
serve: {command: sleep 1}
environments:
  production: {target: local, port: 18998}
"""
EVALUATE = """\
import json, lib, os, struct
seed, rows = struct.unpack("<2f", open("model/weights.safetensors", "rb").read()[-8:])
today = len(open("data/rows.csv").read().split())
open(os.environ["HOME"] + "/evaluated", "a").write(os.environ["MODEL_DEVOPS_VERSION"] + " ")
json.dump({"accuracy": lib.score(seed), "rows": today}, open("metrics.json", "w"))
"""
LIB = "def score(seed): return seed / 10\n"


@pytest.fixture
def at(mini: Mini, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mini:
    """A model whose accuracy is a tenth of its seed; its first release (seed 8) is built."""
    monkeypatch.setenv("HOME", str(tmp_path))
    change(mini, seed=8, lib=LIB, evaluate=EVALUATE)
    return mini


def change(mini: Mini, *, seed: int, test_code: str = "", **files: str) -> Stored:
    """Commit and build; files by their name without `.py`."""
    text = MODEL.replace("PYTHON", PYTHON).replace("  TESTCODE\n", test_code and f"  code: {test_code}\n")
    mini.commit(**{"model.yaml": text, "params.yaml": f"seed: {seed}\n"}, **{f"{n}.py": t for n, t in files.items()})
    built = mini.build()
    assert built["code"] == 0, built["err"]
    stored = project(mini).store.find(built["version"])
    assert stored
    return stored


def project(mini: Mini) -> Project:
    return open_project(mini.folder / "model.yaml")


def measure(mini: Mini, release: Stored, runs: Stored | Running, acceptance: Acceptance | None = None) -> Outcome:
    there = Running("release", runs) if isinstance(runs, Stored) else runs
    return test_release(project(mini), release, acceptance or Acceptance(), lambda _: there)


def evaluated(tmp_path: Path) -> str:
    path = tmp_path / "evaluated"
    return path.read_text() if path.exists() else ""


def first(mini: Mini) -> Stored:
    return project(mini).store.releases()[0]


def test_T4_recorded_values_count_with_equal_dataset_and_evaluation_code(at: Mini, tmp_path: Path):
    measure(at, first(at), Running("none"))
    worse = change(at, seed=7)
    with pytest.raises(FailedError) as caught:
        measure(at, worse, first(at))
    (gate,) = caught.value.details["gates"]
    assert (gate.status, gate.value, gate.baseline) == ("missed", 0.7, 0.8)
    assert "1.0.0, which runs in production" in gate.message
    assert evaluated(tmp_path) == f"1.0.0 {worse.version} "


@pytest.mark.parametrize("what", ["dataset", "code"])
def test_T4_else_the_baseline_is_measured_again_with_todays_data_and_code(at: Mini, tmp_path: Path, what: str):
    measure(at, first(at), Running("none"))
    if what == "dataset":
        (at.folder / "data" / "rows.csv").write_text("1\n2\n")
        worse = change(at, seed=7)
    else:
        worse = change(at, seed=7, evaluate=EVALUATE.replace("lib.score(seed)", "lib.score(seed) + 0.1"))
    with pytest.raises(FailedError) as caught:
        measure(at, worse, first(at))
    (gate,) = caught.value.details["gates"]
    assert (gate.status, gate.baseline) == ("missed", 0.8 if what == "dataset" else 0.9)
    assert evaluated(tmp_path) == f"1.0.0 {worse.version} 1.0.0 "


def test_T4_the_baseline_keeps_its_own_code_but_for_the_evaluation_code(at: Mini):
    old = change(at, seed=8, test_code="evaluate.py", lib=LIB.replace("/ 10", "/ 20"))
    new = change(at, seed=8, test_code="evaluate.py", lib=LIB, evaluate=EVALUATE + "# changed\n")
    outcome = measure(at, new, old)
    (gate,) = outcome.evidence.gates
    assert (gate.value, gate.baseline) == (0.8, 0.4)


def test_T4_other_code_than_the_evaluation_code_leaves_recorded_values_comparable(at: Mini, tmp_path: Path):
    old = change(at, seed=8, test_code="evaluate.py", lib=LIB)
    measure(at, old, Running("none"))
    new = change(at, seed=8, test_code="evaluate.py", lib=LIB + "# changed\n")
    assert measure(at, new, old).evidence.passed
    assert evaluated(tmp_path) == f"{old.version} {new.version} "


def test_T4_a_baseline_that_fails_today_is_not_comparable_and_a_named_person_may_accept(at: Mini):
    old = change(at, seed=9, test_code="evaluate.py", lib=LIB, evaluate=EVALUATE)
    new = change(
        at,
        seed=1,
        test_code="evaluate.py",
        lib=LIB.replace("score", "new_score"),
        evaluate=EVALUATE.replace("lib.score", "lib.new_score"),
    )
    with pytest.raises(FailedError) as caught:
        measure(at, new, old)
    (gate,) = caught.value.details["gates"]
    assert gate.status == "not-comparable"
    assert "could not be measured again" in gate.message
    assert "--accept accuracy" in (caught.value.hint or "")
    accepted = measure(at, new, old, Acceptance(["accuracy"], "another interface", Person("Kim", "ci"))).evidence
    assert (accepted.passed, accepted.accepted) == (True, ["accuracy"])
    assert (accepted.reason, accepted.by, accepted.origin) == ("another interface", "Kim", "ci")


def test_T4_a_missed_gate_cannot_be_accepted(at: Mini):
    measure(at, first(at), Running("none"))
    worse = change(at, seed=7)
    with pytest.raises(FailedError) as caught:
        measure(at, worse, first(at), Acceptance(["accuracy"], "please", Person("Kim", "ci")))
    assert "can't be accepted" in (caught.value.hint or "")


def test_T1_metrics_that_lie_among_the_baselines_files_are_none_that_its_run_wrote(at: Mini):
    silent = "import struct; struct.unpack('<2f', open('model/weights.safetensors', 'rb').read()[-8:])\n"
    text = (at.folder / "model.yaml").read_text()
    old = text.replace("lib.py]", "lib.py, metrics.json]").replace("  baseline:", "  metrics: other.json\n  baseline:")
    at.commit(
        **{"model.yaml": old, ".gitignore": "model/\n", "metrics.json": '{"accuracy": 0.8}', "evaluate.py": silent}
    )
    assert at.build()["code"] == 0
    baseline = project(at).store.releases()[-1]
    at.git("rm", "-q", "metrics.json")
    new = change(at, seed=9, test_code="lib.py", evaluate=EVALUATE)
    with pytest.raises(FailedError) as caught:
        measure(at, new, baseline)
    (gate,) = caught.value.details["gates"]
    assert gate.status == "not-comparable"
    assert "the run wrote no metrics.json" in gate.message


def test_T4_a_baseline_whose_bytes_are_gone_is_not_comparable(at: Mini, home: Path):
    old = first(at)
    new = change(at, seed=9)
    weights, _ = project(at).store.files(old, "model")["weights.safetensors"]
    (blob,) = home.rglob(weights)
    blob.unlink()
    with pytest.raises(FailedError) as caught:
        measure(at, new, old)
    assert caught.value.details["gates"][0].status == "not-comparable"


def test_T3_the_release_that_runs_compares_with_itself(at: Mini, tmp_path: Path):
    release = first(at)
    assert measure(at, release, release).evidence.passed
    assert evaluated(tmp_path) == "1.0.0 "


@pytest.mark.parametrize(("state", "passed"), [("none", True), ("unknown", False)])
def test_T3_only_a_sure_word_that_nothing_ran_lets_a_gate_pass(at: Mini, state: str, passed: bool):
    runs = Running(state, message="so it is")
    if passed:
        outcome = measure(at, first(at), runs)
        assert outcome.evidence.gates[0].status == "no-baseline"
        return
    with pytest.raises(FailedError):
        measure(at, first(at), runs)


# What runs: the target's word, then evidence.


def revision(number: int, status: str = "verified", release: str | None = None) -> Revision:
    return Revision(number=number, id=str(number), status=status, action="deploy", release=release)


class Place:
    """An environment whose target says this."""

    def __init__(self, said: list[Revision] | Exception) -> None:
        self.said = said

    def revisions(self) -> list[Revision]:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def asked(at: Mini, monkeypatch: pytest.MonkeyPatch, said: list[Revision] | Exception) -> Running:
    monkeypatch.setattr("model_devops.deploy.open.open_target", lambda *_: Place(said))
    return running.running_in(project(at))("production")


def deployed(at: Mini, release: Stored, number: int, status: str = "verified", environment: str = "production") -> None:
    body = Deployed(
        id=f"e{number}{status}",
        time="t",
        environment=environment,
        revision=number,
        revision_id=str(number),
        status=status,
    )
    project(at).store.add_evidence(release.digest, body)


def test_T3_the_newest_verified_revision_is_what_runs(at: Mini, monkeypatch: pytest.MonkeyPatch):
    old, new = first(at), change(at, seed=9)
    said = [revision(1, release=old.digest), revision(2, release=new.digest), revision(3, "failed", old.digest)]
    found = asked(at, monkeypatch, said)
    assert found.release
    assert found.release.digest == new.digest


def test_T3_a_release_that_the_store_lacks_is_unknown(at: Mini, monkeypatch: pytest.MonkeyPatch):
    found = asked(at, monkeypatch, [revision(1, release="sha256:" + "0" * 64)])
    assert (found.state, "does not have" in found.message) == ("unknown", True)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ([], "none"),
        ([revision(1, "failed", "sha256:1")], "none"),
        ([revision(1, "pending", "sha256:1")], "unknown"),
        ([revision(1, release="sha256:1"), revision(2)], "unknown"),
    ],
)
def test_T3_none_means_that_no_rollout_ever_succeeded(at: Mini, monkeypatch: pytest.MonkeyPatch, said, state):
    assert asked(at, monkeypatch, said).state == state


def test_T3_evidence_counts_where_the_target_does_not_answer(at: Mini, monkeypatch: pytest.MonkeyPatch):
    old, new = first(at), change(at, seed=9)
    deployed(at, new, 1)
    deployed(at, old, 2)
    deployed(at, new, 3, "failed")
    deployed(at, new, 9, environment="test")
    for said in (UnreachableError("no answer"), []):
        found = asked(at, monkeypatch, said)
        assert found.release
        assert found.release.digest == old.digest


def test_T3_without_target_and_evidence_none_needs_a_store_that_knows_all_tags(
    at: Mini, monkeypatch: pytest.MonkeyPatch, home: Path
):
    gone = UnreachableError("no answer")
    assert asked(at, monkeypatch, gone).state == "none"
    for index in list(home.rglob("index.json")):
        index.parent.rename(index.parent.with_name("moved"))
    found = asked(at, monkeypatch, gone)
    assert (found.state, "1.0.0" in found.message) == ("unknown", True)


def test_T3_without_target_and_remote_nobody_knows_that_nothing_runs(at: Mini, monkeypatch: pytest.MonkeyPatch):
    gone = UnreachableError("no answer")
    at.git("remote", "add", "origin", str(at.folder.parent / "gone.git"))
    found = asked(at, monkeypatch, gone)
    assert found.state == "unknown"
    assert "it is not known what runs in production (production did not answer: no answer)" in found.message


def test_T3_the_real_target_of_an_environment_without_a_rollout_says_none(at: Mini):
    found = running.running_in(project(at))("production")
    assert (found.state, found.message) == ("none", "production never had a release")

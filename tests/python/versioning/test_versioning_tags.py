"""Tags of versions: what is read from them, and what must never make reading fail."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_devops.errors import RefusedError
from model_devops.release.record import Reason
from model_devops.versioning.claim import Won, claim
from model_devops.versioning.tags import Tag, message, read_tags, refuse_other_path
from repositories import commit, digest, git, opened, record


def claimed(folder: Path, version: str, **changes: object) -> Tag:
    found = opened(folder)
    result = claim(found, found.remote(), record(found.head(), version, **changes), digest(version))
    assert isinstance(result, Won)
    return result.tag


def tags(folder: Path, name: str = "digits") -> list[Tag]:
    found = opened(folder)
    return read_tags(found, found.remote(), name)


def test_V3_tag_is_annotated_and_carries_record_digest_and_claim(repo: Path) -> None:
    claimed(repo, "1.0.0")
    assert git("cat-file", "-t", "digits@v1.0.0", cwd=repo) == "tag"
    [tag] = tags(repo)
    head = opened(repo).head()
    assert tag.record == record(head, "1.0.0")
    assert (tag.release, tag.commit, tag.version, tag.local) == (digest("1.0.0"), head, "1.0.0", True)
    assert record(head, "1.0.0").dumps() in git("cat-file", "tag", "digits@v1.0.0", cwd=repo).encode()


def test_V3_each_claim_has_an_id_of_its_own(repo: Path) -> None:
    one, two = claimed(repo, "1.0.0").claim, claimed(repo, "1.0.1").claim
    assert one
    assert two
    assert one != two
    assert [tag.claim for tag in tags(repo)] == [one, two]


def test_subject_is_one_readable_line(repo: Path) -> None:
    claimed(repo, "1.0.0", reasons=[Reason(level="minor", text="a\nb\0c \u2028" + "x" * 300)])
    subject = git("for-each-ref", "--format=%(subject)", "refs/tags", cwd=repo)
    assert subject.startswith("digits 1.0.0: a b c ")
    assert len(subject) <= 200
    assert tags(repo)[0].record is not None


def test_versions_are_ordered_as_numbers(repo: Path) -> None:
    for version in ("1.10.0", "1.9.0", "1.2.0"):
        claimed(repo, version)
    assert [tag.version for tag in tags(repo)] == ["1.2.0", "1.9.0", "1.10.0"]


FOREIGN = (
    "v1.0.0",
    "other@v3.0.0",
    "digits@vfoo",
    "digits@v1",
    "digits@v01.0.0",
    "digits@v1.0.0-rc.1",
    "digits#prod#1",
)


def test_foreign_tags_are_left_alone(repo: Path) -> None:
    for name in FOREIGN:
        git("tag", name, cwd=repo)
        git("tag", "--annotate", "--message", "{", f"{name}-annotated", cwd=repo)
    git("tag", "digits@v1.0.0/below", cwd=repo)
    assert tags(repo) == []


def test_V1_lightweight_and_recordless_tags_still_burn_their_number(repo: Path) -> None:
    git("tag", "digits@v1.2.3", cwd=repo)
    git("tag", "--annotate", "--message", "by hand", "digits@v1.2.4", cwd=repo)
    git("tag", "digits@v1.2.5", "HEAD:README.md", cwd=repo)
    git("tag", "--annotate", "--message", "a tree", "digits@v1.2.6", "HEAD^{tree}", cwd=repo)
    found = tags(repo)
    assert [tag.version for tag in found] == ["1.2.3", "1.2.4", "1.2.5", "1.2.6"]
    assert [(tag.record, tag.release, tag.claim) for tag in found] == [(None, None, None)] * 4
    head = opened(repo).head()
    assert [tag.commit for tag in found] == [head, head, None, None]


def test_message_of_a_lightweight_tags_commit_is_not_the_tags(repo: Path) -> None:
    text = message(record(None, "1.0.0"), digest("x"), "0" * 36).decode()
    git("commit", "--quiet", "--allow-empty", "--message", text, cwd=repo)
    git("tag", "digits@v1.0.0", cwd=repo)
    assert tags(repo)[0].record is None


def test_record_of_another_version_is_not_this_tags(repo: Path) -> None:
    text = message(record(None, "2.0.0"), digest("x"), "0" * 36).decode()
    git("tag", "--annotate", "--message", text, "digits@v1.0.0", cwd=repo)
    assert tags(repo)[0].record is None


def test_two_models_of_one_repository_do_not_see_each_other(repo: Path) -> None:
    claimed(repo, "1.0.0")
    claimed(repo, "1.0.0", name="digits-large", path="large/model.yaml")
    assert [tag.record.path for tag in tags(repo)] == ["model.yaml"]
    assert [tag.record.path for tag in tags(repo, "digits-large")] == ["large/model.yaml"]


def test_V6_name_of_another_path_is_refused_with_that_path(repo: Path) -> None:
    claimed(repo, "1.0.0", path="a/model.yaml")
    refuse_other_path(tags(repo), "a/model.yaml", None)
    refuse_other_path(tags(repo), "b/model.yaml", "a/model.yaml")
    with pytest.raises(RefusedError, match=r"used by a/model\.yaml") as caught:
        refuse_other_path(tags(repo), "b/model.yaml", None)
    assert "moved_from: a/model.yaml" in str(caught.value.hint)


def test_V6_file_that_moved_twice_is_the_same_model_and_its_old_place_is_not(repo: Path) -> None:
    for version, path in (("1.0.0", "a/m.yaml"), ("1.1.0", "b/m.yaml")):
        claimed(repo, version, path=path)
    refuse_other_path(tags(repo), "c/m.yaml", "b/m.yaml")
    with pytest.raises(RefusedError):
        refuse_other_path(tags(repo), "a/m.yaml", None)


def test_tags_of_the_remote_are_seen_without_touching_the_clones_own(
    repo: Path, bare_remote: Path, tmp_path: Path
) -> None:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "other"), cwd=tmp_path)
    claimed(repo, "1.0.0")
    git("tag", "digits@v1.0.1", cwd=tmp_path / "other")
    found = tags(tmp_path / "other")
    assert [(tag.version, tag.remote, tag.local) for tag in found] == [("1.0.0", True, False), ("1.0.1", False, True)]
    assert found[0].record is not None
    assert git("tag", "--list", cwd=tmp_path / "other") == "digits@v1.0.1"


def test_V5_deletion_on_the_remote_is_seen(repo: Path, bare_remote: Path) -> None:
    claimed(repo, "1.0.0")
    git("tag", "--delete", "digits@v1.0.0", cwd=bare_remote)
    [tag] = tags(repo)
    assert (tag.remote, tag.local) == (False, True)


def test_of_two_tags_of_one_name_the_remotes_counts(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "other"), cwd=tmp_path)
    git("tag", "digits@v1.0.0", cwd=tmp_path / "other")
    claimed(repo, "1.0.0")
    [tag] = tags(tmp_path / "other")
    assert tag.record is not None
    assert (tag.remote, tag.local) == (True, False)


def test_V4_shallow_clone_without_tags_knows_all_versions(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    for number in range(3):
        commit(repo)
        git("push", "--quiet", "origin", "main", cwd=repo)
        claimed(repo, f"1.{number}.0")
    options = ("--quiet", "--depth=1", "--no-tags", "--single-branch")
    git("clone", *options, f"file://{bare_remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    assert [tag.record.version for tag in tags(tmp_path / "shallow")] == ["1.0.0", "1.1.0", "1.2.0"]


LINES = st.sampled_from(
    ["{", "{}", "Release: sha256:" + "0" * 64, "Claim: " + "0" * 36, "", '{"name": "digits"}', "[" * 2000, "{" * 2000]
)


@given(st.lists(LINES | st.text(max_size=40), max_size=8).map("\n".join) | st.binary(max_size=200))
def test_no_message_makes_reading_it_fail(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode(errors="replace")
    tag = Tag("digits", "1.0.0", (1, 0, 0), object="0", commit=None, message=data, remote=False, local=True)
    assert tag.record is None
    assert tag.release in (None, "sha256:" + "0" * 64)
    assert tag.claim is None or len(tag.claim) == 36


NAMES = st.from_regex(r"(digits|other)?[@#]?v?[0-9.a-z+\-éß]{0,24}", fullmatch=True)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, st.binary(max_size=60)), max_size=12))
def test_no_tags_of_others_make_reading_fail(repo: Path, others: list[tuple[str, bytes]]) -> None:
    found = opened(repo)
    for name, text in others:
        head = f"object {found.head()}\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\n".encode()
        oid = found.run("hash-object", "-t", "tag", "-w", "--stdin", "--literally", input=head + text)
        found.status("update-ref", f"refs/tags/{name}", oid)
    assert all(tag.record is None for tag in read_tags(found, None, "digits"))

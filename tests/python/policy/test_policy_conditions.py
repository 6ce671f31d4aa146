"""What must hold before an environment takes a release: every condition, none left out (T2, A4, S5–S7, V6, D7, D8)."""

import pytest
from msgspec.structs import replace

from model_devops.deploy.actor import Actor
from model_devops.deploy.notes import unblock
from model_devops.deploy.revision import Note
from model_devops.deploy.rollback import unwanted
from model_devops.errors import RefusedError, UnreachableError
from model_devops.policy.conditions import refusal
from model_devops.policy.trust import Trust
from model_devops.release.evidence import Accepted, Rejected, Revoked, Tested, Withdrawn
from model_devops.versioning.claim import claim
from release_samples import built
from repositories import git

TIME = "2026-01-01T00:00:00.000Z"


def failing(found):
    return {name for name, one in found.items() if not one.holds}


def test_all_conditions_are_asked_and_each_says_what_to_do_next(world):
    release = world.release()
    found = world.ask(release)
    assert failing(found) == {"tested", "deployed:test", "approval"}
    assert found["tested"].message == "not tested: run `model-devops test --release 1.0.0`"
    assert "model-devops deploy test --release 1.0.0" in found["deployed:test"].message
    assert "model-devops approve production --release 1.0.0" in found["approval"].message
    error = refusal(list(found.values()), release, "production")
    assert isinstance(error, RefusedError)
    assert len(error.problems) == 3


def test_release_that_meets_all_is_taken_with_the_evidence_named(world):
    release = world.release()
    tested = world.tested(release)
    world.deployed(release)
    found = world.ask(release)
    assert failing(found) == {"approval"}
    assert found["tested"].evidence == [tested.digest]
    assert len(found["deployed:test"].evidence) == 1
    assert refusal([one for one in found.values() if one.holds], release, "production") is None


def test_T2_failed_test_after_a_passed_one_counts(world):
    release = world.release()
    world.tested(release)
    world.tested(release, passed=False, message="accuracy 0.1 is below 0.5")
    found = world.ask(release)["tested"]
    assert not found.holds
    assert "accuracy 0.1" in found.message
    world.tested(release)
    assert world.ask(release)["tested"].holds


def test_T2_of_several_newest_tests_the_worst_counts(world, monkeypatch):
    release = world.release()
    store = world.project().store
    first = world.tested(release)
    bad = Tested(
        id="other", time=TIME, passed=False, commit=release.record.commit, on_release_branch=True, supersedes=[]
    )
    # Two stores wrote at the same time: neither statement names the other.
    evidence = store.evidence(release.digest)
    fake = replace(first, digest="sha256:" + "e" * 64, body=bad)
    from model_devops.policy import facts

    repository, line = world.project().git, world.policy().line
    found = facts.tested(release, [*evidence, fake], lambda _: True, repository, line, Trust())
    assert not found.holds


def test_T2_withdrawn_test_does_not_count(world):
    release = world.release()
    item = world.tested(release)
    world.say(release, Withdrawn(id="w", time=TIME, origin="jenkins", statement=item.digest, reason="wrong data"))
    assert not world.ask(release)["tested"].holds


def test_T2_evidence_made_on_a_branch_does_not_count_for_a_final_release(world):
    release = world.release()
    git("switch", "--quiet", "--create", "feature", cwd=world.folder)
    elsewhere = world.commit()
    world.tested(release, elsewhere)  # claims to be on the release branch, and is not
    found = world.ask(release)["tested"]
    assert not found.holds
    assert "release branch" in found.message


def test_T2_evidence_that_says_itself_it_was_not_on_the_line_does_not_count(world):
    release = world.release()
    world.tested(release, on_release_branch=False)
    assert not world.ask(release)["tested"].holds
    world.tested(release, dirty=True)
    assert not world.ask(release)["tested"].holds


def test_T2_failed_test_on_a_branch_hides_no_passed_one(world):
    release = world.release()
    world.tested(release)
    world.tested(release, passed=False, on_release_branch=False)
    assert world.ask(release)["tested"].holds


def test_T2_test_that_does_not_count_revives_no_older_one(world):
    release = world.release()
    world.tested(release, passed=False)
    world.tested(release, on_release_branch=False)
    world.tested(release)  # names the one before it, which names the failed one
    assert world.ask(release)["tested"].holds


def test_T2_merged_branch_is_not_the_first_parent_line(world):
    git("switch", "--quiet", "--create", "feature", cwd=world.folder)
    inside = world.commit()
    git("switch", "--quiet", "main", cwd=world.folder)
    world.commit()
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "feature", cwd=world.folder)
    world.commit(push=True)
    release = world.release(commit=inside)
    world.tested(release, inside)
    assert not world.ask(release)["tested"].holds


@pytest.mark.parametrize("remote", [True, False])
def test_T2_test_made_at_an_ancestor_of_a_commit_it_was_built_from_again_does_not_count(lone, bare_remote, remote):
    from release_samples import built

    if not remote:
        git("remote", "remove", "origin", cwd=lone.folder)
    old = lone.commit(push=remote)
    release = lone.release(commit=old)
    lone.tested(release, old)
    assert lone.ask(release)["tested"].holds
    newer = lone.commit(push=remote)  # for example other gates in model.yaml: the same release
    lone.say(release, built("again", commit=newer, on_release_branch=True, new=False))
    found = lone.ask(release)["tested"]
    assert not found.holds
    lone.tested(release, newer)
    assert lone.ask(release)["tested"].holds


def test_T2_without_a_remote_the_newest_commit_that_it_was_built_or_tested_from_counts(lone):
    release = lone.release()
    first = release.record.commit
    assert not lone.ask(release)["tested"].holds
    lone.tested(release)
    assert lone.ask(release)["tested"].message == f"passed its tests at {first[:12]}"
    second = lone.commit()
    lone.say(release, built("again", commit=second, on_release_branch=True))
    assert "not tested where it counts" in lone.ask(release)["tested"].message
    lone.tested(release, second)
    assert lone.ask(release)["tested"].message == f"passed its tests at {second[:12]}"
    lone.tested(release, first, passed=False)
    assert lone.ask(release)["tested"].holds, "an ancestor says nothing any more"


def test_T2_without_a_remote_commits_that_are_not_here_are_nobodys_word(lone):
    release = lone.release()
    lone.tested(release, "f" * 40)
    assert not lone.ask(release)["tested"].holds, "which of the two is newer can't be told"


def test_T2_shallow_clone_fetches_what_it_can_not_tell(world, tmp_path):
    release = world.release()
    world.tested(release)
    world.commit(push=True)
    world.commit(push=True)
    git("clone", "--quiet", "--depth=1", (tmp_path / "remote.git").as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    world.folder = tmp_path / "shallow"
    assert world.ask(release)["tested"].holds


def test_T2_prerelease_is_tested_wherever_it_was_tested(world):
    world.write(
        "name: digits\nartifacts: {model: model/}\ntest: {run: [x]}\nserve: {command: x}\n"
        "environments: {test: {target: local, port: 8081, prereleases: true, requires: [tested]}}\n",
        push=True,
    )
    release = world.release("1.0.0-pr1.gabcdef12")
    world.tested(release, on_release_branch=False)
    assert world.ask(release, "test")["tested"].holds


def test_T4_accepted_metric_is_shown(world):
    release = world.release()
    world.tested(release, accepted=["accuracy"], by="ann", reason="new data")
    assert "accuracy not comparable and accepted by ann: new data" in world.ask(release)["tested"].message


def test_P1_prerelease_only_where_the_environment_takes_them(world):
    release = world.release("1.0.0-pr1.gabcdef12")
    assert "prereleases" in failing(world.ask(release))
    assert failing(world.ask(release, "test")) == set()


@pytest.mark.parametrize("status", ["failed", "proof-failed"])
def test_A4_later_failure_in_the_environment_ends_it(world, status):
    release = world.release()
    world.deployed(release)
    assert world.ask(release)["deployed:test"].holds
    target_status = "failed" if status == "failed" else "verified"
    revision = world.deployed(release, status=target_status)
    if status == "proof-failed":
        from model_devops.deploy.evidence import proof_failed

        proof_failed(world.project().store, "test", revision, "the bytes differ")
    found = world.ask(release)["deployed:test"]
    assert not found.holds
    assert "failed in test" in found.message
    world.deployed(release)
    assert world.ask(release)["deployed:test"].holds


def test_A4_interrupted_rollout_another_release_and_a_stop_end_nothing(world):
    release, other = world.release(), world.release("1.1.0")
    world.deployed(release)
    world.deployed(release, status="interrupted")
    world.deployed(other)
    world.deployed(other, status="failed")
    world.revision(None, "test")
    assert world.ask(release)["deployed:test"].holds


def test_A4_failed_rollout_that_nobody_wrote_down_yet_counts(world):
    release = world.release()
    world.deployed(release)
    world.revision(release, "test", "failed")
    assert not world.ask(release)["deployed:test"].holds


def test_A4_verified_elsewhere_says_nothing(world):
    release = world.release()
    world.deployed(release, "production")
    assert not world.ask(release)["deployed:test"].holds


def test_A4_block_in_the_environment_ends_it(world):
    release, old, again = world.release("1.1.0", salt="x"), world.release(), world.release("1.2.0", salt="x")
    world.place("test")
    for one in (old, release, again):
        world.deployed(one)
    world.deployed(old, replaces=release.digest, replaced_version="1.1.0")
    for one in (release, again):
        assert "unblock test --release 1.1.0" in world.ask(one)["deployed:test"].message


def test_A4_environment_that_the_policy_does_not_name_is_no_word(world, administrator):
    administrator("environments: {production: {requires: ['deployed:lab']}}\n")
    assert "there is no environment lab" in world.ask(world.release())["deployed:lab"].message


def test_S5_rejected_release_is_taken_by_no_environment(world):
    release = world.release()
    world.say(release, Rejected(id="r", time=TIME, by="ann", environment="staging", reason="too slow"))
    for environment in ("test", "production"):
        found = world.ask(release, environment)["rejected"]
        assert not found.holds
        assert "too slow" in found.message


def test_S5_withdrawn_counts_only_with_an_origin_that_the_approval_takes(world):
    world.write(
        world.folder.joinpath("model.yaml").read_text().replace("{after: test}", "{after: test, by: [ann]}"), push=True
    )
    release = world.release()
    item = world.say(release, Rejected(id="r", time=TIME, by="ann", environment="test", reason="too slow"))
    world.say(release, Withdrawn(id="w", time=TIME, by="eve", origin="cli", statement=item.digest, reason="mine"))
    assert not world.ask(release, "production")["rejected"].holds
    assert world.ask(release, "test")["rejected"].holds, "test asks for no approval, so anybody's word will do"
    world.say(
        release, Withdrawn(id="v", time=TIME, by="ann", origin="jenkins", statement=item.digest, reason="mistake")
    )
    assert world.ask(release, "production")["rejected"].holds


def test_S6_revoked_counts_for_every_release_of_the_same_identity(world):
    first = world.release(salt="same")
    twin = world.release("1.0.0-pr1.gabcdef12", salt="same")
    assert first.record.identity == twin.record.identity
    world.say(first, Revoked(id="r", time=TIME, by="ann", reason="licence"))
    assert not world.ask(twin, "test")["revoked"].holds
    assert not world.ask(first)["revoked"].holds


def test_S7_store_that_lacks_the_builds_word_is_8_until_somebody_answers_for_it(world):
    release = world.release(is_built=False)
    found = world.ask(release)
    error = refusal(list(found.values()), release, "production")
    assert isinstance(error, UnreachableError)
    assert "store accept 1.0.0 --reason" in found["built-here"].message
    world.say(release, Accepted(id="a", time=TIME, by="ann", reason="restored from the tag"))
    assert world.ask(release)["built-here"].holds


def test_V6_same_version_with_other_content_is_refused_by_an_environment_that_once_took_it(world):
    release = world.release()
    world.revision(replace_digest(release), "production")
    found = world.ask(release)["same-content"]
    assert not found.holds
    assert "production knows 1.0.0" in found.message


def replace_digest(release):
    from model_devops.release.store import Stored

    return Stored("sha256:" + "d" * 64, release.record)


def test_V6_for_prereleases_content_means_the_identity(world):
    release = world.release("1.0.0-pr1.gabcdef12")
    world.revision(replace_digest(release), "test")  # another store's record of the same identity
    assert world.ask(release, "test")["same-content"].holds
    other = world.release("1.0.0-pr2.gabcdef12")
    same_name = type(other)("sha256:" + "d" * 64, replace(other.record, version="1.0.0-pr1.gabcdef12"))
    world.revision(same_name, "test")
    assert not world.ask(release, "test")["same-content"].holds


def test_V6_tag_that_claims_the_version_for_other_content_refuses_it(world):
    release = world.release()
    project = world.project()
    claim(project.git, project.git.remote(), release.record, "sha256:" + "d" * 64)
    found = world.ask(release)["same-content"]
    assert not found.holds
    assert "1.0.0 names two releases: the remote's tag digits@v1.0.0" in found.message


def test_D8_replaced_release_stays_away_until_it_is_unblocked(world):
    new, old = world.release("1.1.0"), world.release()
    place = world.place("production")
    world.revision(old, "production")
    world.revision(new, "production")
    world.revision(old, "production", replaces=new.digest)
    found = world.ask(new)["blocked"]
    assert not found.holds
    assert "model-devops unblock production" in found.message
    note = Note(action="unblock", reason="mended", release=new.digest, revision=3)
    with world.target("production").lock("test"):
        world.target("production").save_place(replace(place, notes=[note]))
    assert world.ask(new)["blocked"].holds


def test_D8_the_replaced_bytes_stay_away_under_another_number_too(world):
    old, bad = world.release(), world.release("1.1.0", salt="bad")
    again, other = world.release("1.2.0", salt="bad"), world.release("1.3.0")
    place = world.place("production")
    for release, replaces in ((old, None), (bad, None), (old, bad)):
        version, digest = (replaces.version, replaces.digest) if replaces else (None, None)
        world.revision(release, "production", replaces=digest, replaced_version=version)
    found = world.ask(again)["blocked"]
    assert not found.holds
    assert "rolled 1.1.0, which has the same bytes, back" in found.message
    assert "model-devops unblock production --release 1.1.0" in found.message
    assert world.ask(other)["blocked"].holds
    target, store = world.target("production"), world.project().store
    assert "replaced 1.1.0, which has the same bytes" in unwanted(store, target, again)
    assert unwanted(store, target, bad).endswith("replaced it")
    assert unwanted(store, target, other) is None
    unblock(world.target("production"), "production", "1.1.0", "mended", Actor("ann", "cli", None))
    assert world.ask(again)["blocked"].holds
    assert world.target("production").place().source == place.source


def test_D7_lower_final_release_is_refused_with_rollback_as_the_way(world):
    old, new = world.release(), world.release("1.1.0")
    world.revision(new, "production")
    found = world.ask(old)["order"]
    assert not found.holds
    assert "model-devops rollback production --to 1.0.0" in found.message
    world.revision(None, "production")
    assert not world.ask(old)["order"].holds, "a stop changes nothing of it"


def test_D7_is_not_asked_with_a_prerelease_on_either_side(world):
    old, new, pre = world.release(), world.release("1.1.0"), world.release("1.0.0-pr1.gabcdef12")
    world.revision(new, "test")
    assert world.ask(pre, "test")["order"].holds
    world.revision(pre, "test")
    assert world.ask(old, "test")["order"].holds


def test_D7_failed_rollout_of_a_higher_one_is_no_obstacle(world):
    old, new = world.release(), world.release("1.1.0")
    world.revision(old, "production")
    world.revision(new, "production", "failed")
    assert world.ask(old)["order"].holds

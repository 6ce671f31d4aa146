"""A person's word about one digest (A1–A3), and when it still holds."""

from datetime import datetime, timezone

import pytest

from model_devops.adapters import clock
from model_devops.adapters.ci import Build
from model_devops.errors import RefusedError, UsageError
from model_devops.policy.approval import approve, must_leave, reject, where_seen
from model_devops.policy.person import Person, who
from model_devops.release.evidence import Approved, Withdrawn
from model_devops.versioning.claim import claim
from repositories import record

TIME = "2026-01-01T00:00:00.000Z"
ANN = Person("ann", "jenkins")


def demand(world, approval):
    text = world.folder.joinpath("model.yaml").read_text()
    return world.write(text.replace("{after: test}", approval), push=True)


def say(world, release, person=ANN, **words):
    return approve(world.project(), world.policy(), release, person, others=world.target, **words)


def approval(world, release):
    return world.ask(release)["approval"]


def test_A1_jenkins_vouches_for_the_approver_of_its_input():
    environ = {"MODEL_DEVOPS_APPROVER": "ann"}
    assert who(Build(ci="jenkins", id="1"), None, environ) == Person("ann", "jenkins")


def test_A1_nobody_is_jenkins_approver_outside_of_jenkins():
    environ = {"MODEL_DEVOPS_APPROVER": "ann"}
    assert who(Build(ci="none", id="1"), None, environ).origin == "cli"
    with pytest.raises(UsageError):
        who(Build(ci="gitlab", id="1", actor="eve"), None, environ)


def test_A1_gitlab_vouches_for_who_started_a_manual_job_only():
    build = Build(ci="gitlab", id="1", actor="ann")
    assert who(build, None, {"CI_JOB_MANUAL": "true"}) == Person("ann", "ci")
    with pytest.raises(UsageError, match="does not say who approves"):
        who(build, None, {})


def test_A1_github_vouches_for_who_started_the_run():
    assert who(Build(ci="github", id="1", actor="ann"), None, {}) == Person("ann", "ci")


def test_A1_a_name_that_is_given_is_only_that_also_in_ci():
    build = Build(ci="jenkins", id="1", actor="ann")
    assert who(build, "bob", {"MODEL_DEVOPS_APPROVER": "ann"}) == Person("bob", "cli")


def test_A1_without_ci_it_is_the_systems_user_whatever_the_variables_say(monkeypatch):
    monkeypatch.setenv("USER", "boss")
    monkeypatch.setenv("LOGNAME", "boss")
    import os
    import pwd

    assert who(Build(ci="none", id="1")) == Person(pwd.getpwuid(os.getuid()).pw_name, "cli")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_A1_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match="no name"):
        who(Build(ci="none", id="1"), name)


def test_A1_without_by_and_not_author_the_command_line_will_do(world):
    demand(world, "true")
    release = world.release()
    item = say(world, release, Person("bob", "cli"))
    assert (item.body.by, item.body.origin, item.body.environment) == ("bob", "cli", "production")
    found = approval(world, release)
    assert found.holds
    assert found.evidence == [item.digest]


@pytest.mark.parametrize("asked", ["{by: [ann]}", "{not_author: true}", "{not_author: {person@example.org: bob}}"])
def test_A1_by_and_not_author_take_any_origin_but_cli(world, asked):
    demand(world, asked)
    release = world.release()
    with pytest.raises(RefusedError, match="only CI's word counts"):
        say(world, release, Person("ann", "cli"))
    world.say(release, Approved(id="forced", time=TIME, by="ann", origin="cli", environment="production"))
    assert "only CI's word counts" in approval(world, release).message


def test_A1_by_names_who_may(world):
    demand(world, "{by: [ann, bob]}")
    release = world.release()
    with pytest.raises(RefusedError, match="allowed: ann, bob"):
        say(world, release, Person("eve", "ci"))
    say(world, release)
    assert approval(world, release).holds


def test_A1_approval_that_does_not_meet_the_policy_hides_none_that_does(world):
    demand(world, "{by: [ann]}")
    release = world.release()
    say(world, release)
    world.say(release, Approved(id="later", time=TIME, by="eve", origin="cli", environment="production"))
    assert approval(world, release).holds


def test_A1_nobody_approves_his_own_by_the_map(world):
    demand(world, "{not_author: {person@example.org: pat, ann@example.org: ann}}")
    release = world.release()
    with pytest.raises(RefusedError, match="pat wrote commits"):
        say(world, release, Person("pat", "ci"))
    say(world, release)
    assert approval(world, release).holds


def test_A1_approver_who_is_not_in_the_map_is_refused(world):
    demand(world, "{not_author: {person@example.org: pat}}")
    with pytest.raises(RefusedError, match="ann is not in the map"):
        say(world, world.release())


def test_A1_author_who_is_not_in_the_map_is_refused(world):
    demand(world, "{not_author: {ann@example.org: ann}}")
    with pytest.raises(RefusedError, match=r"not in the map of not_author: person@example\.org"):
        say(world, world.release())


def test_A1_all_authors_since_the_base_count_not_the_last_one_only(world):
    demand(world, "{not_author: true}")
    world.release()
    world.commit(author="Ann <ann@example.org>")
    world.commit(push=True)
    with pytest.raises(RefusedError, match="ann wrote commits"):
        say(world, world.release("1.1.0", base="1.0.0"))


def test_A1_the_base_is_what_its_tag_claims_not_what_the_store_holds_under_its_number(world):
    demand(world, "{not_author: true}")
    base = record(world.commit(push=True))
    world.commit(author="Ann <ann@example.org>", push=True)
    world.release()  # its number was claimed elsewhere, for something older
    world.commit(push=True)
    project = world.project()
    claim(project.git, project.git.remote(), base, "sha256:" + "d" * 64)
    with pytest.raises(RefusedError, match="ann wrote commits"):
        say(world, world.release("1.1.0", base="1.0.0"))


@pytest.mark.parametrize("mail", ["ann@example.org", "77+Ann@users.noreply.github.com"])
def test_A1_not_author_without_a_map_compares_names_mails_and_accounts(world, mail):
    demand(world, "{not_author: true}")
    world.commit(push=True, author=f"A. Nobody <{mail}>")
    with pytest.raises(RefusedError, match="ann wrote commits"):
        say(world, world.release())


def test_A1_commits_that_are_not_here_are_nobodys_word(world):
    demand(world, "{not_author: true}")
    with pytest.raises(RefusedError, match="not in this clone"):
        say(world, world.release(commit="c" * 40))


def test_A2_release_must_be_verified_in_the_environment_whatever_the_reason(world):
    with pytest.raises(RefusedError, match="not verified in test"):
        say(world, world.release(), reason="seen on my machine")


def test_A2_environment_must_run_exactly_it_now_or_a_reason_says_where_it_was_seen(world):
    release, other = world.release(), world.release("1.1.0")
    world.deployed(release)
    world.deployed(other)
    with pytest.raises(RefusedError, match="say with --reason where it was seen"):
        say(world, release)
    with pytest.raises(RefusedError, match="say with --reason where it was seen"):
        say(world, release, comment="looks right")
    item = say(world, release, reason="seen in test on Monday", comment="looks right")
    assert (item.body.reason, item.body.comment) == ("seen in test on Monday", "looks right")
    assert item.body.seen_in is None


def test_A2_what_was_deployed_but_runs_no_more_is_not_seen(world):
    release = world.release()
    world.deployed(release)  # a record, and no process
    with pytest.raises(RefusedError, match="runs nothing now"):
        say(world, release)


def test_A2_approval_ends_with_what_it_rested_on(world):
    release = world.release()
    world.tested(release)
    world.deployed(release)
    say(world, release, reason="seen")
    assert approval(world, release).holds
    world.deployed(release, status="failed")
    assert not approval(world, release).holds


def test_A2_approval_for_another_environment_is_none(world):
    demand(world, "true")
    release = world.release()
    world.say(release, Approved(id="x", time=TIME, by="ann", environment="test"))
    assert not approval(world, release).holds


def test_S5_withdrawn_approval_is_none_and_a_withdrawal_needs_an_origin_of_the_approval(world):
    demand(world, "{by: [ann]}")
    release = world.release()
    item = say(world, release)
    world.say(release, Withdrawn(id="w", time=TIME, by="eve", origin="cli", statement=item.digest, reason="no"))
    assert approval(world, release).holds
    world.say(release, Withdrawn(id="v", time=TIME, by="ann", origin="jenkins", statement=item.digest, reason="no"))
    assert not approval(world, release).holds


def test_S5_no_approval_lifts_a_rejection(world):
    demand(world, "true")
    release = world.release()
    reject(world.project(), "test", release, ANN, "too slow")
    with pytest.raises(RefusedError, match="no approval lifts that"):
        say(world, release)


def test_approval_expires_by_the_clock(world, monkeypatch):
    demand(world, "{expires: 7d}")
    release = world.release()
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 1, 1, tzinfo=timezone.utc))
    say(world, release)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 1, 8, tzinfo=timezone.utc))
    assert approval(world, release).holds
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 1, 8, 0, 0, 1, tzinfo=timezone.utc))
    assert "expired 7d after" in approval(world, release).message
    monkeypatch.setattr(clock, "now", lambda: datetime(2025, 1, 1, tzinfo=timezone.utc))
    assert approval(world, release).holds, "a clock that goes backwards ends no approval"


def test_P3_the_administrators_approval_is_asked_beside_the_teams(world, administrator):
    demand(world, "{by: [ann]}")
    release = world.release()
    say(world, release)
    administrator("environments: {production: {approval: {by: [boss]}}}\n")
    assert not approval(world, release).holds
    say(world, release, Person("boss", "jenkins"))
    assert approval(world, release).holds
    with pytest.raises(RefusedError):
        say(world, release, Person("eve", "jenkins"))


def test_A3_rejection_needs_a_reason(world):
    with pytest.raises(UsageError, match="needs a reason"):
        reject(world.project(), "test", world.release(), ANN, " ")


def test_A3_rejection_is_recorded_once_when_a_killed_run_is_repeated(world):
    release = world.release()
    first = reject(world.project(), "test", release, ANN, "too slow")
    assert reject(world.project(), "test", release, ANN, "too slow").digest == first.digest
    assert len(world.project().store.evidence(release.digest, "rejected")) == 1


def test_A3_the_environment_where_users_tried_it_must_leave_it(world):
    release = world.release()
    world.place("test")
    world.revision(release, "test")
    assert where_seen(world.policy().approvals, "production") == "test"
    assert must_leave(world.project().store, world.target("test")) is None
    reject(world.project(), "test", release, ANN, "too slow")
    found = must_leave(world.project().store, world.target("test"))
    assert found is not None
    assert found.digest == release.digest


def test_A3_nothing_else_must_leave(world):
    release, other = world.release(), world.release("1.1.0")
    for environment in ("test", "production"):
        world.place(environment)
        world.revision(release, environment)
    item = reject(world.project(), "test", release, ANN, "too slow")
    assert must_leave(world.project().store, world.target("production")) is None, "it was not tried there"
    world.revision(other, "test")
    assert must_leave(world.project().store, world.target("test")) is None, "another one runs"
    world.revision(release, "test")
    world.say(release, Withdrawn(id="w", time=TIME, by="ann", statement=item.digest, reason="mistake"))
    assert must_leave(world.project().store, world.target("test")) is None, "withdrawn"

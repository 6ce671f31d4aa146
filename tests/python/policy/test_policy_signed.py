"""`signed_by`: whose signatures count for an environment, and for what (P1, P3, S5–S7, A1, A4, T2, D8)."""

from pathlib import Path

import pytest

from model_devops.adapters import keys
from model_devops.deploy.revision import Source
from model_devops.deploy.rollback import candidates, unwanted
from model_devops.errors import RefusedError, UsageError
from model_devops.policy.approval import approve
from model_devops.policy.person import Person
from model_devops.policy.source import kept_trust
from model_devops.release.evidence import Accepted, Approved, Rejected, Revoked, Withdrawn
from model_devops.release.store import Stored
from repositories import git
from signing_keys import Key

TIME = "2026-01-01T00:00:00.000Z"
MODEL = """\
name: digits
artifacts: {model: model/}
test: {run: [python evaluate.py]}
serve: {command: python serve.py}
environments:
  test: {target: local, port: 8081, prereleases: true}
  production:
    target: local
    port: 8080
    requires: [tested, "deployed:test"]
    approval: APPROVAL
    signed_by: SIGNED_BY
"""


class Keys:
    """The keys of a team: the build server's, the one that follows it, a stranger's and two persons'."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.ci, self.next = Key(folder, "ci"), Key(folder, "next", "ed25519")
        self.stranger = Key(folder, "stranger")
        self.ann, self.bob = Key(folder, "ann"), Key(folder, "bob", "ed25519")

    def nobody(self) -> None:
        self.monkeypatch.delenv(keys.KEY, raising=False)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(tmp_path, monkeypatch)


@pytest.fixture
def signed(world, team):
    """A world whose production asks for the build server's signature."""
    demand(world, team, "[keys/ci.pub]")
    return world


def demand(world, team: Keys, signed_by: str, approval: str = "true") -> None:
    folder = world.folder / "keys"
    folder.mkdir(exist_ok=True)
    for name in ("ci", "next", "ann", "bob"):
        (folder / f"{name}.pub").write_text(getattr(team, name).public.read_text())
    world.write(MODEL.replace("SIGNED_BY", signed_by).replace("APPROVAL", approval), push=True)


def use(team: Keys, key: Key | None) -> None:
    key.use(team.monkeypatch) if key else team.nobody()


def whole(world, team: Keys, key: Key | None, version: str = "1.0.0") -> Stored:
    """A release about which all is said, with this key."""
    use(team, key)
    release = world.release(version)
    world.tested(release)
    world.deployed(release)
    world.say(release, Approved(id="a", time=TIME, by="ann", origin="jenkins", environment="production"))
    team.nobody()
    return release


def failing(found):
    return {name for name, one in found.items() if not one.holds}


def test_P1_a_release_whose_every_word_is_signed_by_an_accepted_key_is_taken(signed, team):
    found = signed.ask(whole(signed, team, team.ci))
    assert failing(found) == set()
    for name in ("built-here", "tested", "deployed:test", "approval"):
        assert team.ci.fingerprint[:19] in found[name].message, name
        assert found[name].evidence, name
        assert found[name].keys == [team.ci.fingerprint], name


@pytest.mark.parametrize("who", ["unsigned", "stranger"])
def test_P1_what_no_accepted_key_signed_speaks_for_nothing(signed, team, who):
    key = team.stranger if who == "stranger" else None
    found = signed.ask(whole(signed, team, key))
    assert failing(found) == {"built-here", "tested", "deployed:test", "approval"}
    why = "which is not accepted" if key else "is not signed"
    for name in failing(found):
        assert why in found[name].message, name
        assert team.ci.fingerprint[:19] in found[name].message, name
        assert "MODEL_DEVOPS_SIGNING_KEY" in found[name].message, name
        assert key is None or key.fingerprint[:19] in found[name].message, name


def test_P1_unsigned_evidence_counts_where_the_policy_does_not_ask(signed, team):
    release = whole(signed, team, None)
    assert failing(signed.ask(release, "test")) == set()
    signed.write(MODEL.replace("    signed_by: SIGNED_BY\n", "").replace("APPROVAL", "true"), push=True)
    assert failing(signed.ask(release)) == set()


def test_P1_keys_come_from_where_policy_comes_from(signed, team):
    """A branch that accepts its own key changes nothing."""
    release = whole(signed, team, team.stranger)
    git("switch", "--quiet", "--create", "feature", cwd=signed.folder)
    (signed.folder / "keys" / "ci.pub").write_text(team.stranger.public.read_text())
    signed.commit()
    assert "tested" in failing(signed.ask(release))


def test_P1_a_key_may_stand_in_the_policy_itself(signed, team):
    text = team.ci.pem.replace("\n", "\n        ")
    demand(signed, team, "\n      - |\n        " + text)
    assert failing(signed.ask(whole(signed, team, team.ci))) == set()
    assert "tested" in failing(signed.ask(whole(signed, team, team.next, "1.0.1")))


def test_P1_a_key_lies_relative_to_model_yaml_and_may_be_shared_by_several(world, team):
    demand(world, team, "[keys/ci.pub]")
    text = MODEL.replace("SIGNED_BY", "[../../keys/ci.pub]").replace("APPROVAL", "true")
    world.write(text, push=True, path="models/digits/model.yaml")
    from model_devops.policy.source import read_policy

    policy = read_policy(world.project("models/digits/model.yaml"), "production", remembered=None, prerelease=False)
    assert policy.environment.signed_by == [team.ci.pem]


@pytest.mark.parametrize(
    ("key", "why"),
    [("keys/none.pub", "no such file"), ("../outside.pub", "no such file"), ("model.yaml", "is no public key")],
)
def test_P2_a_key_that_isnt_there_or_is_none_stops_everything(signed, team, key, why):
    demand(signed, team, f"[{key}]")
    with pytest.raises(UsageError, match=why) as refused:
        signed.policy()
    assert key in refused.value.message


def test_P2_all_keys_that_cant_be_used_are_named_at_once(signed, team):
    demand(signed, team, "[keys/none.pub, keys/ci.pub, model.yaml]")
    with pytest.raises(UsageError, match=r"2 keys in .* can't be used") as refused:
        signed.policy()
    assert ["none.pub" in one.message for one in refused.value.problems] == [True, False]
    assert all(one.hint for one in refused.value.problems)


def test_P1_without_a_remote_the_working_trees_keys_count(lone, team):
    (lone.folder / "keys").mkdir()
    (lone.folder / "keys" / "ci.pub").write_text(team.ci.public.read_text())
    lone.write(MODEL.replace("SIGNED_BY", "[keys/ci.pub]").replace("APPROVAL", "true"))
    assert failing(lone.ask(whole(lone, team, team.ci))) == set()
    assert "tested" in failing(lone.ask(whole(lone, team, team.stranger, "1.0.1")))


def test_rotation_both_keys_count_until_the_old_one_is_taken_out(signed, team):
    old, new = whole(signed, team, team.ci), whole(signed, team, team.next, "1.0.1")
    assert failing(signed.ask(old)) == set()
    assert "tested" in failing(signed.ask(new))
    demand(signed, team, "[keys/ci.pub, keys/next.pub]")
    for release in (old, new):
        assert failing(signed.ask(release)) == set()
    demand(signed, team, "[keys/next.pub]")
    assert failing(signed.ask(new)) == set()
    assert failing(signed.ask(old)) == {"built-here", "tested", "deployed:test", "approval"}


def test_P3_the_administrator_only_tightens(signed, team, administrator, tmp_path):
    """A statement's key must be in both lists: a further list would else let more in."""
    demand(signed, team, "[keys/ci.pub, keys/next.pub]")
    by_ci, by_next = whole(signed, team, team.ci), whole(signed, team, team.next, "1.0.1")
    administrator("environments:\n  production: {signed_by: [next.pub]}\n")
    (tmp_path / "etc" / "next.pub").write_text(team.next.public.read_text())
    assert failing(signed.ask(by_next)) == set()
    assert "tested" in failing(signed.ask(by_ci))
    (tmp_path / "etc" / "next.pub").write_text(team.stranger.public.read_text())
    found = signed.ask(by_next)
    assert "tested" in failing(found)
    assert "no key in common" in found["tested"].message
    (tmp_path / "etc" / "next.pub").unlink()
    with pytest.raises(UsageError, match="no such file"):
        signed.policy()


def test_P3_the_administrator_asks_alone_too(world, team, administrator, tmp_path):
    administrator('environments:\n  "*": {signed_by: [ci.pub]}\n')
    (tmp_path / "etc" / "ci.pub").write_text(team.ci.public.read_text())
    assert "tested" in failing(world.ask(whole(world, team, None)))
    assert failing(world.ask(whole(world, team, team.ci, "1.0.1"))) == set()


# What speaks against a release counts whoever says it (S5, S6, A3).


@pytest.mark.parametrize("who", ["unsigned", "stranger"])
def test_what_speaks_against_a_release_counts_signed_or_not(signed, team, who):
    release = whole(signed, team, team.ci)
    use(team, team.stranger if who == "stranger" else None)
    signed.tested(release, passed=False)
    signed.deployed(release, status="failed")
    signed.say(release, Revoked(id="r", time=TIME, reason="wrong labels"))
    signed.say(release, Rejected(id="j", time=TIME, environment="test", reason="confuses 1 and 7"))
    assert failing(signed.ask(release)) == {"tested", "deployed:test", "revoked", "rejected"}


def test_T2_an_unsigned_pass_lifts_no_failed_test(signed, team):
    release = whole(signed, team, team.ci)
    use(team, team.ci)
    signed.tested(release, passed=False)
    team.nobody()
    signed.tested(release)
    assert "its tests failed" in signed.ask(release)["tested"].message
    use(team, team.ci)
    signed.tested(release)
    assert signed.ask(release)["tested"].holds


def test_T2_an_unsigned_pass_hides_no_signed_one(signed, team):
    release = whole(signed, team, team.ci)
    signed.tested(release)
    assert signed.ask(release)["tested"].holds


def test_A4_an_unsigned_word_that_it_was_verified_lifts_no_failure(signed, team):
    release = whole(signed, team, team.ci)
    use(team, team.ci)
    signed.deployed(release, status="failed")
    team.nobody()
    signed.deployed(release)
    assert "its rollout failed" in signed.ask(release)["deployed:test"].message
    use(team, team.ci)
    signed.deployed(release)
    assert signed.ask(release)["deployed:test"].holds


def test_A4_the_targets_own_word_is_not_signed(signed, team):
    """What nobody wrote down yet counts where it speaks against a release, and not where it speaks for it (D9)."""
    use(team, team.ci)
    release = signed.release()
    team.nobody()
    signed.revision(release, "test")
    found = signed.ask(release)["deployed:test"]
    assert not found.holds
    assert "is not written down" in found.message
    use(team, team.ci)
    signed.deployed(release)
    assert signed.ask(release)["deployed:test"].holds
    signed.revision(release, "test", "failed")
    assert not signed.ask(release)["deployed:test"].holds


@pytest.mark.parametrize("kind", ["revoked", "rejected"])
def test_S5_only_a_signed_withdrawal_ends_what_speaks_against_a_release(signed, team, kind):
    release = whole(signed, team, team.ci)
    body = {
        "revoked": Revoked(id="r", time=TIME, reason="x"),
        "rejected": Rejected(id="j", time=TIME, environment="test", reason="x"),
    }[kind]
    item = signed.say(release, body)
    for key, holds in ((None, False), (team.stranger, False), (team.ci, True)):
        use(team, key)
        signed.say(release, Withdrawn(id=f"w{key}", time=TIME, statement=item.digest, reason="a slip"))
        assert signed.ask(release)[kind].holds == holds
    assert signed.ask(release, "test")[kind].holds


def test_S5_only_a_signed_withdrawal_ends_what_speaks_for_a_release(signed, team):
    """Nobody without a key takes a test away; with one it is revoked."""
    use(team, team.ci)
    release = signed.release()
    item = signed.tested(release)
    team.nobody()
    signed.say(release, Withdrawn(id="w", time=TIME, statement=item.digest, reason="x"))
    assert signed.ask(release)["tested"].holds
    use(team, team.ci)
    signed.say(release, Withdrawn(id="v", time=TIME, statement=item.digest, reason="x"))
    assert not signed.ask(release)["tested"].holds


def test_S7_who_answers_for_a_release_signs_that(signed, team):
    release = signed.release(is_built=False)
    signed.say(release, Accepted(id="1", time=TIME, reason="I copied it myself"))
    found = signed.ask(release)["built-here"]
    assert not found.holds
    assert "store accept 1.0.0" in found.message
    use(team, team.ci)
    signed.say(release, Accepted(id="2", time=TIME, reason="I copied it myself"))
    assert signed.ask(release)["built-here"].holds


def test_a_signature_of_another_statement_is_named_as_wrong(signed, team, monkeypatch):
    """Its bundle names an accepted key, and that key signed something else."""
    real = keys.Signer.sign
    monkeypatch.setattr(keys.Signer, "sign", lambda self, message: real(self, message + b" "))
    release = whole(signed, team, team.ci)
    found = signed.ask(release)
    assert failing(found) == {"built-here", "tested", "deployed:test", "approval"}
    for name in failing(found):
        assert "the signature of" in found[name].message, name
        assert "is wrong" in found[name].message, name


# Persons' keys (A1).

PERSONS = "{by: [ann, bob], keys: {ann: keys/ann.pub, bob: keys/bob.pub}}"


def approval(by: str, origin: str, **fields) -> Approved:
    return Approved(id=f"{by}-{origin}", time=TIME, by=by, origin=origin, environment="production", **fields)


def test_A1_what_a_persons_key_signed_is_that_persons_word(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS)
    use(team, team.ci)
    release = signed.release()
    use(team, team.ann)
    signed.say(release, approval("whoever", "cli"))
    found = signed.ask(release)["approval"]
    assert found.holds, found.message
    assert "ann (signed)" in found.message


@pytest.mark.parametrize("key", [None, "ci", "stranger"])
def test_A1_that_an_approval_says_itself_it_was_signed_is_nobodys_word(signed, team, key):
    demand(signed, team, "[keys/ci.pub]", PERSONS)
    release = signed.release()
    use(team, getattr(team, key) if key else None)
    signed.say(release, approval("ann", "signed"))
    found = signed.ask(release)["approval"]
    assert not found.holds
    assert "is a name given on the command line" in found.message


def test_A1_a_persons_key_speaks_for_that_person_alone(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS.replace("[ann, bob]", "[bob]"))
    release = signed.release()
    use(team, team.ann)
    signed.say(release, approval("bob", "signed"))
    found = signed.ask(release)["approval"]
    assert not found.holds
    assert "ann may not approve" in found.message
    use(team, team.bob)
    signed.say(release, approval("bob", "signed"))
    assert signed.ask(release)["approval"].holds


def test_A1_a_persons_key_signs_no_test(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS)
    assert {"built-here", "tested", "deployed:test"} <= failing(signed.ask(whole(signed, team, team.ann)))


def test_A1_nobody_approves_their_own_by_key_either(signed, team):
    people = PERSONS.replace("by: [ann, bob]", "not_author: {ann@example.org: ann, person@example.org: bob}")
    demand(signed, team, "[keys/ci.pub]", people)
    commit = signed.commit(push=True, author="Ann <ann@example.org>")
    release = signed.release(commit=commit)
    use(team, team.ann)
    signed.say(release, approval("ann", "signed"))
    found = signed.ask(release)["approval"]
    assert not found.holds
    assert "ann wrote commits" in found.message
    use(team, team.bob)
    signed.say(release, approval("bob", "signed"))
    assert signed.ask(release)["approval"].holds


def test_A1_a_signed_approval_expires_too(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS.replace("{by", "{expires: 7d, by"))
    release = signed.release()
    use(team, team.ann)
    signed.say(release, approval("ann", "signed"))
    found = signed.ask(release)["approval"]
    assert not found.holds
    assert "expired 7d after" in found.message


def test_S5_a_persons_key_withdraws_where_names_must_be_vouched_for(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS)
    release = whole(signed, team, team.ci)
    item = signed.say(release, Revoked(id="r", time=TIME, reason="x"))
    said = Withdrawn(id="w", time=TIME, by="ann", origin="cli", statement=item.digest, reason="a slip")
    use(team, team.ci)
    signed.say(release, said)
    assert not signed.ask(release)["revoked"].holds, "a name on the command line, though the key is accepted"
    use(team, team.ann)
    signed.say(release, said)
    assert signed.ask(release)["revoked"].holds


# Approving.


def give(world, release: Stored, person: Person):
    return approve(world.project(), world.policy(), release, person, others=world.target)


def test_approve_says_at_once_that_it_would_not_count(signed, team):
    release = whole(signed, team, team.ci)
    for key in (None, team.stranger):
        use(team, key)
        with pytest.raises(RefusedError, match="takes only what is signed") as refused:
            give(signed, release, Person("ann", "jenkins"))
        assert team.ci.fingerprint[:19] in refused.value.message
    use(team, team.ci)
    assert give(signed, release, Person("ann", "jenkins")).body.origin == "jenkins"


def test_A1_approve_names_the_owner_of_the_key(signed, team):
    demand(signed, team, "[keys/ci.pub]", PERSONS)
    use(team, team.ci)
    release = signed.release()
    use(team, team.ann)
    with pytest.raises(RefusedError, match="this key is that of ann, not of bob"):
        give(signed, release, Person("bob", "cli"))
    body = give(signed, release, Person("ann", "cli")).body
    assert (body.by, body.origin) == ("ann", "signed")
    assert signed.ask(release)["approval"].holds
    use(team, team.ci)
    with pytest.raises(RefusedError, match="a name given on the command line"):
        give(signed, release, Person("ann", "cli"))


# Rollback (D8).


def kept(world, environment: str = "production") -> None:
    """The environment keeps the policy that it reads now."""
    import msgspec

    policy = world.policy(environment)
    world.place(environment, policy=msgspec.to_builtins(policy.environment), source=Source(path="model.yaml"))


def test_D8_a_rollback_asks_for_signatures_without_asking_git(signed, team, offline):
    first, second = (whole(signed, team, key, version) for key, version in ((None, "1.0.0"), (team.ci, "1.0.1")))
    third = whole(signed, team, team.ci, "1.0.2")
    kept(signed)
    for release in (first, second, third):
        signed.revision(release, "production")
    offline(signed)
    store, target = signed.project().store, signed.target("production")
    objections = {item.revision.version: item.objection for item in candidates(store, target)}
    assert objections["1.0.1"] is None
    assert "is not signed" in str(objections["1.0.0"])
    assert "store accept 1.0.0" in str(objections["1.0.0"])
    use(team, team.ci)
    signed.say(first, Accepted(id="x", time=TIME, reason="it ran for a year"))
    assert {item.objection for item in candidates(signed.project().store, target)} == {None}


def test_D8_an_unsigned_withdrawal_makes_nothing_fit_to_go_back_to(signed, team):
    release = whole(signed, team, team.ci)
    kept(signed)
    item = signed.say(release, Revoked(id="r", time=TIME, reason="x"))
    signed.say(release, Withdrawn(id="w", time=TIME, statement=item.digest, reason="x"))
    assert unwanted(signed.project().store, signed.target("production"), release) == "it is revoked"
    use(team, team.ci)
    signed.say(release, Withdrawn(id="v", time=TIME, statement=item.digest, reason="x"))
    assert unwanted(signed.project().store, signed.target("production"), release) is None


def test_D8_the_kept_policy_holds_the_keys_themselves(signed, team):
    kept(signed)
    place = signed.target("production").place()
    assert place is not None
    assert [key.fingerprint for key in kept_trust(place).accepted] == [team.ci.fingerprint]

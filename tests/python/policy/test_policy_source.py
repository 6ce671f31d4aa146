"""Where policy is read from, and that nothing which must satisfy it can change it (P1–P4)."""

import msgspec
import pytest

from model_devops.config.types import Environment
from model_devops.deploy.revision import Place, Source
from model_devops.errors import ExitCode, RefusedError, UnreachableError, UsageError
from model_devops.policy.source import check_source, describe, kept_approvals, kept_policy
from repositories import git

WEAK = """\
name: digits
artifacts: {model: model/}
serve: {command: python serve.py}
environments:
  test: {target: local, port: 8080, prereleases: true, env: {LOG: debug}}
  production: {target: local, port: 8081, prereleases: true, env: {LOG: debug}}
"""


def branch(world, text=WEAK):
    git("switch", "--quiet", "--create", "feature", cwd=world.folder)
    world.write(text)


def test_P1_pull_request_that_weakens_the_policy_changes_nothing(world):
    before = world.policy()
    branch(world)
    after = world.policy()
    assert after.environment == before.environment
    assert after.environment.requires == ["tested", "deployed:test"]
    assert after.approvals == before.approvals
    assert not after.environment.prereleases


def test_P1_pull_request_can_not_rename_an_environments_address_to_productions(world):
    branch(world)
    assert world.policy("test", prerelease=True).environment.port == 8081


def test_P1_settings_of_an_environment_with_prereleases_come_from_the_checkout(world):
    branch(world)
    assert world.policy("test", prerelease=True).environment.env == {"LOG": "debug"}


def test_P1_whole_block_of_an_environment_without_prereleases_comes_from_the_source(world):
    branch(world)
    assert world.policy("production").environment.env == {}


def test_P1_policy_is_read_as_it_is_now_not_as_last_fetched(world, tmp_path):
    git("clone", "--quiet", str(tmp_path / "remote.git"), str(tmp_path / "other"), cwd=tmp_path)
    (tmp_path / "other" / "model.yaml").write_text(WEAK.replace("8081", "8099"))
    git("commit", "--quiet", "--all", "--message", "Change", cwd=tmp_path / "other")
    git("push", "--quiet", "origin", "main", cwd=tmp_path / "other")
    assert world.policy().environment.port == 8099


def test_P1_release_branch_is_the_one_that_the_default_branch_names(world):
    git("push", "--quiet", "origin", "main:stable", cwd=world.folder)
    stable = git("rev-parse", "HEAD", cwd=world.folder)
    world.write("release_branch: stable\n" + world.folder.joinpath("model.yaml").read_text(), push=True)
    policy = world.policy()
    assert policy.line == stable
    assert policy.commit != stable


def test_P2_no_model_yaml_there_takes_nothing(world):
    git("rm", "--quiet", "model.yaml", cwd=world.folder)
    world.commit(push=True)
    world.write()
    with pytest.raises(RefusedError, match=r"no model\.yaml") as error:
        world.policy()
    assert error.value.kind == "no-policy"


def test_P2_another_models_file_at_this_path_says_nothing(world):
    world.write(WEAK.replace("name: digits", "name: other"), push=True)
    world.write()
    with pytest.raises(RefusedError, match="of the model other"):
        world.policy()


def test_P2_symlink_in_its_place_takes_nothing(world):
    (world.folder / "model.yaml").rename(world.folder / "real.yaml")
    (world.folder / "model.yaml").symlink_to("real.yaml")
    world.commit(push=True)
    (world.folder / "model.yaml").unlink()
    world.write()
    with pytest.raises(RefusedError, match=r"no model\.yaml"):
        world.policy()


def test_P2_environment_that_is_only_in_the_branch_is_refused_and_the_known_ones_named(world):
    branch(world, WEAK + "  mine: {target: local, port: 9000}\n")
    with pytest.raises(RefusedError, match="no environment mine") as error:
        world.policy("mine")
    assert "production, test" in error.value.hint


def test_P2_moved_file_is_found_at_its_old_path_until_the_move_is_merged(world):
    (world.folder / "models").mkdir()
    git("mv", "model.yaml", "models/model.yaml", cwd=world.folder)
    text = WEAK.replace("name: digits", "name: digits\nmoved_from: model.yaml")
    world.write(text, path="models/model.yaml")
    from model_devops.policy.source import read_policy

    project = world.project("models/model.yaml")
    policy = read_policy(project, "production", remembered=None, prerelease=False)
    assert policy.source.path == "model.yaml"
    assert policy.environment.port == 8080


def test_P2_unreadable_there_is_a_usage_error_with_its_problems(world):
    world.write("name: digits\nartifacts: {model: model/}\ncolour: red\n", push=True)
    world.write()
    with pytest.raises(UsageError) as error:
        world.policy()
    assert error.value.problems[0].file == "origin/main:model.yaml"
    assert error.value.problems[0].line == 3


def test_P2_head_that_names_no_branch_is_a_usage_error_with_the_command(world, tmp_path):
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=tmp_path / "remote.git")
    with pytest.raises(UsageError) as error:
        world.policy()
    assert "git symbolic-ref HEAD refs/heads/main" in error.value.hint


def test_P2_empty_remote_takes_nothing(lone, tmp_path):
    git("init", "--quiet", "--bare", str(tmp_path / "empty.git"), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "empty.git"), cwd=lone.folder)
    with pytest.raises(RefusedError, match="no branch yet"):
        lone.policy()


def test_P2_unreachable_is_8(world, offline):
    offline(world)
    with pytest.raises(UnreachableError) as error:
        world.policy()
    assert error.value.code == ExitCode.UNREACHABLE


def remembered(world, environment, **changes):
    """What the environment keeps of a policy that it read."""
    policy = world.policy(environment, prerelease=True)
    block = msgspec.structs.replace(policy.environment, **changes)
    return Place(model="digits", environment=environment, source=policy.source, policy=msgspec.to_builtins(block))


def test_P2_offline_a_prerelease_goes_under_the_policy_that_the_target_read_last(world, offline):
    place = remembered(world, "test", proof=["measured", "reported"])
    offline(world)
    policy = world.policy("test", remembered=place, prerelease=True)
    assert policy.environment.proof == ["measured", "reported"]
    assert "does not answer" in policy.note


@pytest.mark.parametrize("prerelease", [True, False])
def test_P2_offline_nothing_else_goes(world, offline, prerelease):
    place = remembered(world, "test", prereleases=not prerelease)
    never = None if prerelease else place
    offline(world)
    with pytest.raises(UnreachableError):
        world.policy("test", remembered=place, prerelease=prerelease)
    with pytest.raises(UnreachableError):
        world.policy("test", remembered=never, prerelease=prerelease)


def test_P2_offline_the_source_is_that_of_the_remote_so_that_P4_still_holds(world, offline):
    place = remembered(world, "test")
    offline(world)
    source = world.policy("test", remembered=place, prerelease=True).source
    with pytest.raises(RefusedError):
        check_source(place, source)


def test_P2_without_a_remote_the_working_tree_counts(lone):
    lone.write(WEAK, commit=False)
    policy = lone.policy()
    assert policy.environment.port == 8081
    assert policy.source.remote is None
    assert policy.source.repository == str((lone.folder / ".git").resolve())


def test_P2_without_git_the_folder_counts(lone, tmp_path):
    lone.folder = tmp_path / "plain"
    lone.write(WEAK, commit=False)
    assert lone.policy().source == Source(repository=str(lone.folder), path="model.yaml")


def test_P4_the_first_source_is_kept_and_the_same_one_goes_on(world):
    check_source(None, world.policy().source)
    place = world.place("production", source=world.policy().source)
    check_source(place, world.policy().source)


def test_P4_remote_removed_to_escape_the_policy_is_refused(world):
    place = world.place("production", source=world.policy().source)
    git("remote", "remove", "origin", cwd=world.folder)
    world.write(WEAK, commit=False)
    with pytest.raises(RefusedError, match="which has no remote") as error:
        check_source(place, world.policy().source)
    assert "model-devops adopt production" in error.value.hint


@pytest.mark.parametrize("field", ["remote", "branch", "path"])
def test_P4_another_remote_branch_or_path_is_another_source(world, field):
    source = world.policy().source
    place = world.place("production", source=msgspec.structs.replace(source, **{field: "another"}))
    with pytest.raises(RefusedError, match="another"):
        check_source(place, source)


def test_P4_move_that_the_protected_branch_names_is_no_other_source(world):
    place = world.place("production", source=world.policy().source)
    moved = msgspec.structs.replace(place.source, path="models/model.yaml")
    with pytest.raises(RefusedError):
        check_source(place, moved)
    check_source(place, moved, moved_from="model.yaml")
    with pytest.raises(RefusedError):
        check_source(place, moved, moved_from="elsewhere/model.yaml")


def test_source_is_described_without_credentials(world):
    git("remote", "set-url", "origin", "https://user:secret@example.org/team/digits.git", cwd=world.folder)
    source = Source(remote=world.project().git.remote().key, branch="main")
    assert describe(source) == "model.yaml on main of example.org/team/digits"


def test_P3_administrator_only_tightens(world, administrator):
    administrator("environments: {test: {requires: [tested], prereleases: false, proof: [reported], approval: true}}\n")
    policy = world.policy("test")
    assert policy.environment.requires == ["tested"]
    assert policy.environment.proof == ["measured", "reported"]
    assert not policy.environment.prereleases
    assert len(policy.approvals) == 1
    administrator("environments: {production: {prereleases: true}}\n")
    assert not world.policy("production").environment.prereleases
    assert world.policy("production").environment.requires == ["tested", "deployed:test"]


def test_P3_star_is_every_environment_and_adds_to_the_named_one(world, administrator):
    administrator("environments: {'*': {requires: [tested]}, test: {requires: ['deployed:lab']}}\n")
    assert world.policy("test").environment.requires == ["tested", "deployed:lab"]


def test_P3_approvals_are_asked_both(world, administrator):
    administrator("environments: {production: {approval: {by: [boss]}}}\n")
    assert [approval.after for approval in world.policy().approvals] == ["test", None]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("environments: [", "a problem"),
        ("environments: {test: {colour: red, size: 2}}\n", "2 problems"),
        ("", "a problem"),
        ("{}\n", "a problem"),
    ],
)
def test_P3_file_that_can_not_be_understood_stops_everything(world, administrator, text, count):
    administrator(text)
    with pytest.raises(UsageError, match=f"administrator's policy .* has {count}"):
        world.policy()


def test_P3_file_that_can_not_be_read_stops_everything(world, tmp_path):
    (tmp_path / "etc" / "policy.yaml").mkdir(parents=True)
    with pytest.raises(UsageError, match="can't be read"):
        world.policy()


def test_P3_no_variable_moves_the_file(world, administrator, monkeypatch, tmp_path):
    administrator("environments: {'*': {approval: {by: [boss]}}}\n")
    for name in ("MODEL_DEVOPS_POLICY", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert any(approval.by == ["boss"] for approval in world.policy().approvals)


def test_D8_kept_policy_is_what_was_read_with_what_the_administrator_demands_now(world, administrator):
    place = remembered(world, "test")
    administrator("environments: {test: {proof: [reported], approval: {by: [boss]}}}\n")
    kept = kept_policy(place)
    assert isinstance(kept, Environment)
    assert kept.proof == ["measured", "reported"]
    assert kept_approvals(place)[0].by == ["boss"]

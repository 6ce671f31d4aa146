"""Names of pre-releases (B8)."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from model_devops.release.record import Record
from model_devops.versioning.prerelease import existing, origin, suffix
from model_devops.versioning.standing import Standing
from repositories import record


@dataclass
class Stored:
    record: Record
    digest: str = "sha256:0"

    @property
    def version(self) -> str:
        return self.record.version


def standing(branch: str | None = None, pull_request: str | None = None) -> Standing:
    return Standing(False, "", branch=branch, pull_request=pull_request)


def test_B8_pull_request_is_named_by_its_number() -> None:
    identity = record(None).identity
    assert suffix(standing("feature", "42"), identity) == f"pr42.g{identity.digest[7:15]}"


@pytest.mark.parametrize(
    ("branch", "name"),
    [
        ("feature/X", r"feature-x-[0-9a-f]{4}"),
        ("a" * 60, r"a{20}-[0-9a-f]{4}"),
        ("---", r"branch-[0-9a-f]{4}"),
        ("日本語", r"branch-[0-9a-f]{4}"),
        ("007", r"007-[0-9a-f]{4}"),
        (None, r"detached-[0-9a-f]{4}"),
    ],
)
def test_B8_branch_is_a_slug_and_four_hex(branch: str | None, name: str) -> None:
    assert re.fullmatch(name, origin(branch, None))


def test_B8_branches_that_look_alike_have_different_names() -> None:
    assert len({origin(branch, None) for branch in ("feature/x", "feature-x", "Feature/X", "feature_x")}) == 4


ANYTHING = st.none() | st.text(max_size=60)


@given(ANYTHING, ANYTHING, st.text(max_size=5))
def test_B8_every_name_is_valid_as_semver_and_as_an_oci_tag(
    branch: str | None, pull_request: str | None, content: str
) -> None:
    version = f"1.3.0-{suffix(standing(branch, pull_request), record(None, content=content).identity)}"
    assert Version.parse(version).prerelease
    assert re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", version)


def test_B8_same_branch_and_identity_return_the_same_pre_release_under_any_number() -> None:
    one = record(None, content="one")
    name = suffix(standing("feature"), one.identity)
    made = [
        Stored(record(None, "1.0.0", content="one")),
        Stored(record(None, f"1.1.0-{name}", content="one")),
        Stored(record(None, f"1.1.0-{name}x", content="one")),
    ]
    found = existing(made, name, one.identity)
    assert found is made[1]
    assert existing(made, suffix(standing("other"), one.identity), one.identity) is None
    assert existing(made, name, record(None, content="two").identity) is None

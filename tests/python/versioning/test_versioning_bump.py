"""The level of a change, from what changed (V1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.errors import UsageError
from model_devops.release.record import Identity, Reason, Record
from model_devops.versioning.bump import LEVELS, Decision, decide
from repositories import digest, record

ARTIFACTS = ("model", "dataset", "code", "params", "runtime", "recipe")
IMAGE = {"name": "image", "dtype": "float32", "shape": [-1, 64]}
MASK = {"name": "mask", "dtype": "float32", "shape": [-1, 64]}
LABEL = {"name": "label", "dtype": "int64", "shape": [-1]}


def identity(changed: tuple[str, ...] = (), signature: dict | None = None, **more: object) -> Identity:
    artifacts = {name: digest(name + ("2" if name in changed else "")) for name in ARTIFACTS}
    return Identity(artifacts=artifacts, signature=signature, **more)


def based_on(value: Identity, version: str = "1.2.3") -> Record:
    return record("c", version, identity=value)


def after(old: Identity, new: Identity, highest: str = "1.2.3", **more: object) -> Decision:
    return decide(based_on(old), new, highest, **more)


def test_V1_the_first_is_1_0_0() -> None:
    found = decide(None, identity(), None)
    assert (found.version, found.level, found.reasons) == (
        "1.0.0",
        "first",
        [Reason(level="first", text="the first release")],
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("dataset", "1.3.0"),
        ("code", "1.3.0"),
        ("recipe", "1.3.0"),
        ("model", "1.2.4"),
        ("params", "1.2.4"),
        ("runtime", "1.2.4"),
    ],
)
def test_V1_level_of_each_artifact(name: str, version: str) -> None:
    found = after(identity(), identity((name,)))
    assert found.version == version
    assert [reason.text.split()[-1] for reason in found.reasons] == ["changed"]


def test_V1_base_image_is_a_patch() -> None:
    found = after(identity(), identity(base_image=digest("image")))
    assert (found.version, found.reasons) == ("1.2.4", [Reason(level="patch", text="base image changed")])


def test_V1_an_artifact_that_nothing_is_known_of_is_not_known_to_be_harmless() -> None:
    more = Identity(artifacts=identity().artifacts | {"tokenizer": digest("tokenizer")})
    found = after(identity(), more)
    assert (found.version, found.reasons) == ("1.3.0", [Reason(level="minor", text="tokenizer added")])


OLD = {"inputs": [IMAGE], "outputs": [LABEL]}


@pytest.mark.parametrize(
    ("old", "new", "version"),
    [
        (OLD, {"inputs": [MASK], "outputs": [LABEL]}, "2.0.0"),
        (OLD, None, "2.0.0"),
        (OLD, {"inputs": [IMAGE], "outputs": [LABEL, MASK]}, "1.3.0"),
        (None, OLD, "1.3.0"),
        (None, None, "1.2.4"),
        (OLD, OLD, "1.2.4"),
    ],
)
def test_V1_level_of_the_signature(old: dict | None, new: dict | None, version: str) -> None:
    assert after(identity((), old), identity(("model",), new)).version == version


def test_V1_strongest_change_decides_and_all_are_named() -> None:
    found = after(identity(), identity(("model", "dataset")))
    assert (found.version, [reason.text for reason in found.reasons]) == (
        "1.3.0",
        ["dataset changed", "weights changed"],
    )


def test_V1_level_is_applied_to_the_highest_number_not_to_the_base() -> None:
    assert after(identity(), identity(("model",)), highest="4.5.6").version == "4.5.7"
    assert after(identity(), identity(("code",)), highest="4.5.6").version == "4.6.0"


def test_V1_artifact_that_came_or_went_is_named() -> None:
    without = Identity(artifacts={name: value for name, value in identity().artifacts.items() if name != "dataset"})
    assert after(without, identity()).reasons == [Reason(level="minor", text="dataset added")]
    assert after(identity(), without).reasons == [Reason(level="minor", text="dataset removed")]


def test_V1_after_numbers_that_nothing_is_known_of_comes_a_major() -> None:
    found = decide(None, identity(), "1.2.3")
    assert found.version == "2.0.0"
    assert "nothing is known of what 1.2.3" in found.reasons[0].text


def test_V1_a_person_may_raise_the_level_with_a_reason_that_is_recorded() -> None:
    found = after(identity(), identity(("model",)), at_least="major", at_least_reason="new product line")
    assert found.version == "2.0.0"
    assert found.reasons[0] == Reason(level="major", text="raised by a person: new product line")


def test_V1_a_reason_that_is_no_unicode_can_be_recorded() -> None:
    found = after(identity(), identity(("model",)), at_least="major", at_least_reason="new \udcff line")
    assert found.reasons[0].text == "raised by a person: new ? line"


def test_V1_a_person_can_not_lower_the_level() -> None:
    found = after(identity(), identity(("dataset",)), at_least="patch", at_least_reason="it is small")
    assert (found.version, len(found.reasons)) == ("1.3.0", 1)


@pytest.mark.parametrize(("level", "reason"), [("major", None), ("major", " "), ("huge", "x")])
def test_V1_raising_needs_a_level_and_a_reason(level: str, reason: str | None) -> None:
    with pytest.raises(UsageError):
        after(identity(), identity(), at_least=level, at_least_reason=reason)


def test_B8_the_same_content_is_a_patch_with_that_reason() -> None:
    found = after(identity(), identity())
    assert (found.version, found.reasons[0].text) == ("1.2.4", "nothing differs from 1.2.3")
    gone = after(identity(), identity(), because=[Reason(level="patch", text="its image is gone")])
    assert gone.reasons == [Reason(level="patch", text="its image is gone")]


def test_B4_revert_says_whose_bytes_these_are() -> None:
    found = after(identity(), identity(("model",)), because=[Reason(level="none", text="the bytes of 1.1.0 again")])
    assert [reason.text for reason in found.reasons] == ["weights changed", "the bytes of 1.1.0 again"]


CHANGES = st.sets(st.sampled_from(ARTIFACTS)).map(tuple)
NUMBERS = st.tuples(*[st.integers(0, 10**17)] * 3)


@given(CHANGES, CHANGES, NUMBERS, st.sampled_from([None, *LEVELS]))
def test_V1_next_number_is_always_higher(
    old: tuple[str, ...], new: tuple[str, ...], highest: tuple[int, int, int], wish: str | None
) -> None:
    found = after(identity(old), identity(new), ".".join(map(str, highest)), at_least=wish, at_least_reason="because")
    assert tuple(map(int, found.version.split("."))) > highest
    assert found.reasons

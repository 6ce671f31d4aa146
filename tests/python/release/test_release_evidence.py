"""Evidence: statements that others can read, that nobody loses, and what they come to."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.errors import RefusedError, UnreachableError
from model_devops.release import statements
from model_devops.release.evidence import (
    BODIES,
    Accepted,
    Approved,
    Body,
    Built,
    Decided,
    Deployed,
    Evidence,
    GateResult,
    Rejected,
    Revoked,
    Tested,
    Withdrawn,
)
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.standing import built_here, counting, is_rejected, is_revoked, latest, standing
from model_devops.release.store import Stored
from model_devops.release.words import ground
from release_samples import built, everywhere, reopened

Put = Callable[..., Stored]
RELEASE = "sha256:" + "a" * 64
NOW: dict[str, Any] = {"id": "1", "time": "2026-01-01T00:00:00.000Z"}
GATES = [
    GateResult(metric="accuracy", condition="min", limit=0.9, value=0.95, status="passed", message=""),
    GateResult(metric="accuracy", condition="max_drop", limit=0.1, status="no-baseline", message=""),
    GateResult(metric="f1", condition="max_drop", limit=0.1, status="not-comparable", message=""),
    GateResult(metric="latency", condition="max", limit=1, status="invalid", message=""),
]
BODY = {
    "built": Built(**NOW, commit="c" * 40, inputs={"code": RELEASE}, parameters={"depth": 3}, url="https://ci/1"),
    "tested": Tested(
        **NOW,
        passed=False,
        gates=GATES,
        accepted=["f1"],
        dataset=RELEASE,
        test_code=RELEASE,
        baseline=RELEASE,
        metrics={"a": [1.5, {"b": None}]},
    ),
    "approved": Approved(**NOW, environment="production", reason="looks good"),
    "rejected": Rejected(**NOW, environment="test", reason="no"),
    "deployed": Deployed(**NOW, environment="test", revision=1, revision_id="r", status="verified", proof=["measured"]),
    "revoked": Revoked(**NOW, reason="leak", by="ann", origin="jenkins"),
    "withdrawn": Withdrawn(**NOW, statement=RELEASE, reason="mistake"),
    "accepted": Accepted(**NOW, reason="checked by hand"),
    "decided": Decided(
        **NOW,
        environment="production",
        action="deploy",
        passed=True,
        policy="git:host/path@c#model.yaml",
        policy_digest=RELEASE,
        decided_on=[RELEASE],
        levels=["tested", "deployed:pre-prod"],
    ),
}


@pytest.mark.parametrize("kind", BODIES)
def test_S3_every_kind_survives_the_way_to_a_statement_and_back(kind: str) -> None:
    data = statements.dumps(BODY[kind], RELEASE, "digits@1.0.0")
    document = json.loads(data)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["subject"] == [{"name": "digits@1.0.0", "digest": {"sha256": "a" * 64}}]
    assert statements.loads(data, RELEASE) == BODY[kind]


def test_S3_a_decision_is_a_slsa_verification_summary() -> None:
    predicate = json.loads(statements.dumps(BODY["decided"], RELEASE, "digits@1.0.0"))["predicate"]
    del predicate["modelDevops"]
    assert predicate == {
        "verifier": {"id": "urn:model-devops:environment:digits:production"},
        "timeVerified": BODY["decided"].time,
        "resourceUri": "urn:model-devops:release:digits@1.0.0",
        "policy": {"uri": "git:host/path@c#model.yaml", "digest": {"sha256": "a" * 64}},
        "inputAttestations": [{"digest": {"sha256": "a" * 64}}],
        "verificationResult": "PASSED",
        "verifiedLevels": ["MODEL_DEVOPS_TESTED", "MODEL_DEVOPS_DEPLOYED_PRE_PROD"],
    }


def test_S3_built_is_slsa_provenance() -> None:
    predicate = json.loads(statements.dumps(BODY["built"], RELEASE, "x"))["predicate"]
    definition = predicate["buildDefinition"]
    assert definition["externalParameters"] == {"depth": 3}
    assert {"name": "commit", "digest": {"gitCommit": "c" * 40}} in definition["resolvedDependencies"]
    assert predicate["runDetails"]["metadata"]["invocationId"] == "https://ci/1"
    assert predicate["runDetails"]["builder"]["id"]


def test_S3_tested_is_an_in_toto_test_result() -> None:
    predicate = json.loads(statements.dumps(BODY["tested"], RELEASE, "x"))["predicate"]
    assert predicate["result"] == "FAILED"
    assert [item["name"] for item in predicate["configuration"]] == ["dataset", "testCode", "baseline"]
    assert predicate["passedTests"] == ["accuracy min", "accuracy max_drop"]
    assert predicate["warnedTests"] == ["f1 max_drop"]
    assert predicate["failedTests"] == ["latency max"]


def test_unknown_fields_are_passed_over() -> None:
    document = json.loads(statements.dumps(BODY["revoked"], RELEASE, "x"))
    document["predicate"]["modelDevops"]["severity"] = "high"
    document["later"] = document["predicate"]["later"] = 1
    assert statements.loads(json.dumps(document).encode(), RELEASE) == BODY["revoked"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**70, "\udc80", [float("-inf")]])
def test_metrics_that_json_can_not_say_are_recorded_all_the_same(value: object) -> None:
    body = msgspec.structs.replace(BODY["tested"], metrics={"m": value})
    statements.loads(statements.dumps(body, RELEASE, "x"), RELEASE)


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(
        lambda x: json.dumps(x).encode()
    )
)
def test_garbage_is_garbled_or_foreign_and_never_a_crash(data: bytes) -> None:
    with pytest.raises((statements.Foreign, statements.Garbled)):
        statements.loads(data, RELEASE)


def test_a_statement_about_another_release_is_garbled() -> None:
    data = statements.dumps(BODY["built"], "sha256:" + "b" * 64, "x")
    with pytest.raises(statements.Garbled):
        statements.loads(data, RELEASE)


@everywhere
def test_S3_a_statement_names_the_newest_of_its_kind_and_environment(store: OciStore, put: Put) -> None:
    release = put().digest
    first = store.add_evidence(release, BODY["approved"])
    other = store.add_evidence(release, Approved(**NOW, environment="test"))
    second = store.add_evidence(release, BODY["approved"])
    third = store.add_evidence(release, BODY["approved"])
    assert first.body.supersedes == other.body.supersedes == []
    assert second.body.supersedes == [first.digest]
    assert third.body.supersedes == [second.digest]
    assert latest(store, release, "approved", "production") == [third]
    found = reopened(store).evidence(release, "approved")
    assert sorted(item.digest for item in found) == sorted(item.digest for item in (first, other, second, third))
    assert [item for item in found if item != other] == [first, second, third]  # each after what it names


def test_S4_every_statement_has_a_tag_of_its_own(store: LayoutStore, put: Put) -> None:
    release = put().digest
    item = store.add_evidence(release, BODY["revoked"])
    index = json.loads((store.folder / "index.json").read_text())
    tags = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in index["manifests"]}
    assert tags[f"sha256-{release[7:]}.{item.digest[7:23]}"] == item.digest


def test_S4_a_tag_that_names_another_statement_refuses(store: LayoutStore, put: Put) -> None:
    release = put().digest
    revoked, harmless = (store.add_evidence(release, BODY[kind]) for kind in ("revoked", "built"))
    index = store.folder / "index.json"
    document = json.loads(index.read_text())
    for entry in document["manifests"]:
        if entry["digest"] == revoked.digest:
            entry["digest"] = harmless.digest
    index.write_text(json.dumps(document))
    with pytest.raises(UnreachableError, match="which isn't that statement") as refused:
        LayoutStore(store.folder).evidence(release)
    assert refused.value.kind == "incomplete"
    assert any("isn't that statement" in problem for problem in LayoutStore(store.folder).problems())


@pytest.mark.parametrize("gone", ["manifest", "statement"])
@pytest.mark.parametrize("how", ["missing", "changed"])
def test_S4_a_listing_that_may_be_incomplete_refuses(store: LayoutStore, put: Put, gone: str, how: str) -> None:
    release, other = put("1.0.0").digest, put("1.0.1").digest
    item = store.add_evidence(release, BODY["revoked"])
    manifest = json.loads(store.blobs.read(item.digest))
    path = store.blobs.path(item.digest if gone == "manifest" else manifest["layers"][0]["digest"])
    path.chmod(0o644)
    path.unlink() if how == "missing" else path.write_bytes(b"{}")
    fresh = LayoutStore(store.folder)
    for listing in (
        lambda: fresh.evidence(release),
        fresh.evidence,
        lambda: fresh.add_evidence(release, BODY["built"]),
    ):
        with pytest.raises(UnreachableError) as refused:
            listing()
        assert refused.value.kind == "incomplete"
    assert len(fresh.evidence(other)) == 1
    assert len(fresh.problems()) == 1


def attach(store: LayoutStore, release: str, statement: bytes) -> None:
    """List a statement as another tool would."""
    manifest = statements.manifest(statement, statements.IN_TOTO, "built", release, 1)
    store.blobs.put(statement)
    digest = store.blobs.put(manifest)
    path = store.folder / "index.json"
    index = json.loads(path.read_text())
    index["manifests"].append(
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": len(manifest)}
    )
    path.write_text(json.dumps(index))


def test_foreign_statements_are_kept_out_and_are_no_damage(store: LayoutStore, put: Put) -> None:
    release = put().digest
    subject = [{"digest": {"sha256": release[7:]}}]
    for predicate_type in ("https://slsa.dev/provenance/v1", "https://spdx.dev/Document"):
        foreign = {"_type": "x", "subject": subject, "predicateType": predicate_type, "predicate": {"by": "others"}}
        attach(store, release, json.dumps(foreign).encode())
    assert [item.kind for item in store.evidence(release)] == ["built"]
    assert store.problems() == []


@pytest.mark.parametrize("statement", [b"", b"{", b'"x"', b"\xff", b'{"predicateType":"urn:model-devops:revoked:v1"}'])
def test_garbled_statements_are_kept_out_and_reported(store: LayoutStore, put: Put, statement: bytes) -> None:
    release = put().digest
    attach(store, release, statement)
    assert [item.kind for item in store.evidence(release)] == ["built"]
    assert len(store.problems()) == 1


def test_a_manifest_that_is_no_json_is_reported_and_kept_out(store: LayoutStore, put: Put) -> None:
    release = put().digest
    digest = store.blobs.put(b"{")
    index = json.loads((store.folder / "index.json").read_text())
    index["manifests"].append({"mediaType": "x", "artifactType": statements.IN_TOTO, "digest": digest, "size": 1})
    (store.folder / "index.json").write_text(json.dumps(index))
    assert [item.kind for item in store.evidence(release)] == ["built"]
    (problem,) = store.problems()
    assert digest in problem


def test_statements_are_found_without_their_tags(store: LayoutStore, put: Put) -> None:
    release = put().digest
    attach(store, release, statements.dumps(BODY["revoked"], release, "x"))
    assert [item.kind for item in store.evidence(release)] == ["built", "revoked"]


@everywhere
def test_nothing_can_be_said_about_a_release_that_is_not_here(store: OciStore, put: Put) -> None:
    put()
    with pytest.raises(RefusedError) as refused:
        store.add_evidence(RELEASE, BODY["built"])
    assert refused.value.kind == "unknown-release"


def withdraw(store: LayoutStore, release: str, statement: str, **said: Any) -> None:
    store.add_evidence(release, Withdrawn(**(NOW | said), statement=statement, reason="mistake"))


@everywhere
def test_S5_a_later_approval_does_not_lift_a_rejection_and_a_withdrawal_does(store: OciStore, put: Put) -> None:
    release = put()
    item = store.add_evidence(release.digest, BODY["rejected"])
    store.add_evidence(release.digest, BODY["approved"])
    assert is_rejected(store, release.record.identity)
    withdraw(store, release.digest, item.digest)
    assert not is_rejected(store, release.record.identity)


@everywhere
def test_S5_an_environment_may_refuse_a_withdrawal(store: OciStore, put: Put) -> None:
    release = put()
    item = store.add_evidence(release.digest, BODY["rejected"])
    withdraw(store, release.digest, item.digest, origin="cli")
    assert is_rejected(store, release.record.identity, lambda word: word.body.origin == "jenkins")


@everywhere
def test_S5_a_withdrawal_can_not_be_withdrawn(store: OciStore, put: Put) -> None:
    release = put()
    item = store.add_evidence(release.digest, BODY["rejected"])
    withdraw(store, release.digest, item.digest)
    withdraw(store, release.digest, store.evidence(release.digest, "withdrawn")[0].digest)
    assert not is_rejected(store, release.record.identity)
    assert sorted(word.kind for word in standing(store.evidence())) == ["built", "withdrawn", "withdrawn"]


@everywhere
def test_S5_a_withdrawal_counts_for_its_own_release_only(store: OciStore, put: Put) -> None:
    release, other = put("1.0.0"), put("1.0.1")
    item = store.add_evidence(release.digest, BODY["rejected"])
    withdraw(store, other.digest, item.digest)
    assert is_rejected(store, release.record.identity)
    assert item in standing(store.evidence())


@everywhere
def test_S6_revoked_counts_for_every_release_of_the_identity(store: OciStore, put: Put) -> None:
    first, second = put("1.0.0"), put("1.0.1-pr1.g1")
    item = store.add_evidence(first.digest, BODY["revoked"])
    assert is_revoked(store, second.record.identity)
    assert is_revoked(store, second.record.identity.digest)
    withdraw(store, first.digest, item.digest)
    assert not is_revoked(store, second.record.identity)


@everywhere
def test_S6_withdrawing_one_of_two_revocations_lifts_nothing(store: OciStore, put: Put) -> None:
    release = put()
    for _ in range(2):
        item = store.add_evidence(release.digest, BODY["revoked"])
    withdraw(store, release.digest, item.digest)
    assert is_revoked(store, release.record.identity)


def add_test(store: LayoutStore, release: Stored, passed: bool) -> str:
    return store.add_evidence(release.digest, Tested(**NOW, passed=passed)).digest


@everywhere
def test_S3_with_the_newest_withdrawn_the_one_before_counts_again(store: OciStore, put: Put) -> None:
    release = put()
    first, second = add_test(store, release, True), add_test(store, release, False)
    withdraw(store, release.digest, second)
    assert [item.digest for item in latest(store, release.digest, "tested")] == [first]


@everywhere
def test_S3_what_came_after_a_withdrawn_one_still_comes_after_all_before_it(store: OciStore, put: Put) -> None:
    release = put()
    add_test(store, release, False)
    middle, last = add_test(store, release, True), add_test(store, release, True)
    withdraw(store, release.digest, middle)
    assert [item.digest for item in latest(store, release.digest, "tested")] == [last]


@everywhere
def test_S5_who_refuses_a_withdrawal_still_sees_the_later_statement_as_the_newest(store: OciStore, put: Put) -> None:
    release = put()
    first, second = add_test(store, release, True), add_test(store, release, False)
    withdraw(store, release.digest, second, origin="cli")
    last = add_test(store, release, True)
    assert [item.digest for item in latest(store, release.digest, "tested")] == [last]
    strict = latest(store, release.digest, "tested", accept=lambda word: word.body.origin != "cli")
    assert [item.digest for item in strict] == [last]
    withdraw(store, release.digest, last, origin="jenkins")
    assert [item.digest for item in latest(store, release.digest, "tested")] == [first]


@everywhere
def test_S3_of_several_newest_all_are_returned(store: OciStore, put: Put) -> None:
    release = put()
    here = [store.add_evidence(release.digest, Tested(**(NOW | {"id": name}), passed=True)) for name in "ab"]
    apart = [msgspec.structs.replace(item, body=msgspec.structs.replace(item.body, supersedes=[])) for item in here]
    assert counting(apart) == apart
    assert counting(here) == here[1:]


@everywhere
def test_S7_a_store_without_the_builds_word_does_not_know_the_release(store: OciStore, put: Put) -> None:
    release = put(build_id="here")
    assert built_here(store, release)
    filled = store.name(
        store.packed(release),
        msgspec.structs.replace(
            release.record, version="1.0.1", origin=msgspec.structs.replace(release.record.origin, build_id="elsewhere")
        ),
    )
    assert not built_here(store, filled)
    store.add_evidence(filled.digest, built("a later build that found it"))
    assert not built_here(store, filled)
    item = store.add_evidence(filled.digest, BODY["accepted"])
    assert built_here(store, filled)
    withdraw(store, filled.digest, item.digest)
    assert not built_here(store, filled)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY["tested"], "tested (f1 accepted by somebody)"),
        (Tested(**NOW, passed=True, by="Kim", accepted=["f1", "auc"]), "tested (f1, auc accepted by Kim)"),
        (Tested(**NOW, passed=True, by="Kim"), "tested"),
        (Approved(**NOW, environment="production", by="Ada"), "approved by Ada"),
        (BODY["deployed"], "verified in test"),
    ],
)
def test_what_a_decision_rested_on_is_told_in_a_few_words(body: Body, words: str) -> None:
    assert ground(Evidence(digest=RELEASE, release=RELEASE, body=body)) == words

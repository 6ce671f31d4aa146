"""Evidence as in-toto Statements v1 and back (S3; docs/formats.md).

Where others have defined a predicate, its standard fields are filled for their tools; what we read
back is only our own section `modelDevops`, so a standard field never decides anything. Unknown fields
are passed over: a statement written by a later version stays readable.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from model_devops.release.evidence import BODIES, PREDICATE_TYPES, STATEMENT_TYPE, Body, Built, Decided, Tested
from model_devops.release.packing import MANIFEST, digest_of

IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
#: What the manifest of a statement says it is: unsigned, and signed (bundles.py).
TYPES = (IN_TOTO, BUNDLE)
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
_ANNOTATIONS = {IN_TOTO: "in-toto.io/predicate-type", BUNDLE: "dev.sigstore.bundle.predicateType"}
OURS = "modelDevops"


class Foreign(ValueError):
    """Somebody else's statement: nothing is wrong with it, and it says nothing to us."""


class Garbled(ValueError):
    """A statement that claims to be ours and can't be read."""


def dumps(body: Body, release: str, name: str) -> bytes:
    """The statement's bytes. `name` is for people: model and version of the release."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": release.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPES[body.kind],
        "predicate": _standard(body, name) | {OURS: msgspec.to_builtins(body)},
    }
    text = json.dumps(_plain(statement), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def loads(data: bytes, release: str) -> Body:
    """Read a statement about `release`. Raises Foreign or Garbled."""
    try:
        statement = msgspec.json.decode(data)
        predicate_type, predicate = statement["predicateType"], statement["predicate"]
        subjects = [subject["digest"].get("sha256") for subject in statement["subject"]]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Garbled(f"not an in-toto statement: {error}") from error
    kind = next((kind for kind, uri in PREDICATE_TYPES.items() if uri == predicate_type), None)
    if kind is None or not isinstance(predicate, dict) or (OURS not in predicate and not _own(predicate_type)):
        raise Foreign(f"predicate type {predicate_type!r}")
    if subjects != [release.removeprefix("sha256:")]:
        raise Garbled("it is about another release than its manifest says")
    try:
        return msgspec.convert(predicate[OURS], BODIES[kind])
    except (KeyError, msgspec.ValidationError) as error:
        raise Garbled(f"a statement of kind {kind!r} that can't be read: {error}") from error


def manifest(layer: bytes, media_type: str, kind: str, release: str, release_size: int) -> bytes:
    """The manifest that attaches a statement to the release's manifest (`subject`).

    `layer`: the statement, or the bundle that holds it; `media_type`: which of the two (TYPES).
    """
    annotations = {_ANNOTATIONS[media_type]: PREDICATE_TYPES[kind]}
    if media_type == BUNDLE:
        annotations["dev.sigstore.bundle.content"] = "dsse-envelope"
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": media_type,
        "config": {"mediaType": EMPTY_TYPE, "digest": digest_of(EMPTY), "size": len(EMPTY)},
        "layers": [{"mediaType": media_type, "digest": digest_of(layer), "size": len(layer)}],
        "subject": {"mediaType": MANIFEST, "digest": release, "size": release_size},
        "annotations": annotations,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def announced(annotations: dict[str, Any]) -> bool:
    """Whether a manifest says that it holds a statement of a kind of ours, or one that others make as well."""
    return annotations.get(_ANNOTATIONS[BUNDLE]) in PREDICATE_TYPES.values()


def tag(release: str, statement_manifest: str) -> str:
    """The statement's own tag (S4): no two writers ever write the same one."""
    return f"{tag_prefix(release)}{statement_manifest.removeprefix('sha256:')[:16]}"


def tag_prefix(release: str) -> str:
    """What the tags of all statements about a release begin with."""
    return f"sha256-{release.removeprefix('sha256:')}."


def _own(predicate_type: str) -> bool:
    return predicate_type.startswith("urn:model-devops:")


def _plain(value: Any) -> Any:
    """The value as JSON can say it: no NaN or infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _standard(body: Body, name: str) -> dict[str, Any]:
    if isinstance(body, Built):
        return _provenance(body)
    if isinstance(body, Tested):
        return _test_result(body)
    if isinstance(body, Decided):
        return _summary(body, name)
    return {}


def _provenance(body: Built) -> dict[str, Any]:
    """SLSA provenance v1."""
    metadata = {"invocationId": body.url or body.id, "startedOn": body.started, "finishedOn": body.time}
    return {
        "buildDefinition": {
            "buildType": "urn:model-devops:build:v1",
            "externalParameters": body.parameters,
            "resolvedDependencies": _commit(body.commit)
            + [_artifact(name, digest) for name, digest in sorted(body.inputs.items())],
        },
        "runDetails": {
            "builder": {"id": f"urn:model-devops:builder:{body.origin}"},
            "metadata": {key: value for key, value in metadata.items() if value},
        },
    }


def _test_result(body: Tested) -> dict[str, Any]:
    """in-toto test-result v0.1. Metrics have no place in it: they lie in our section."""
    configuration = _commit(body.commit)
    for name, digest in (("dataset", body.dataset), ("testCode", body.test_code), ("baseline", body.baseline)):
        if digest:
            configuration.append(_artifact(name, digest))
    good = {"passed", "no-baseline"}
    result: dict[str, Any] = {"result": "PASSED" if body.passed else "FAILED", "configuration": configuration}
    if body.url:
        result["url"] = body.url
    tests = {f"{gate.metric} {gate.condition}": gate for gate in body.gates}
    warned = [name for name, gate in tests.items() if gate.metric in body.accepted and gate.status not in good]
    result["passedTests"] = [name for name, gate in tests.items() if gate.status in good]
    result["warnedTests"] = warned
    result["failedTests"] = [name for name, gate in tests.items() if gate.status not in good and name not in warned]
    return result


def _summary(body: Decided, name: str) -> dict[str, Any]:
    """SLSA verification summary v1. Its levels are those of our policy, and none of SLSA's tracks."""
    model = name.partition("@")[0]
    levels = ["MODEL_DEVOPS_" + re.sub(r"[^A-Z0-9]", "_", level.upper()) for level in body.levels]
    return {
        "verifier": {"id": f"urn:model-devops:environment:{model}:{body.environment}"},
        "timeVerified": body.time,
        "resourceUri": f"urn:model-devops:release:{name}",
        "policy": {"uri": body.policy, "digest": {"sha256": body.policy_digest.removeprefix("sha256:")}},
        "inputAttestations": [{"digest": {"sha256": one.removeprefix("sha256:")}} for one in body.decided_on],
        "verificationResult": "PASSED" if body.passed else "FAILED",
        "verifiedLevels": levels if body.passed else ["FAILED"],
    }


def _commit(commit: str | None) -> list[dict[str, Any]]:
    return [{"name": "commit", "digest": {"gitCommit": commit}}] if commit else []


def _artifact(name: str, digest: str) -> dict[str, Any]:
    """A resource descriptor. Our digests (C1) are over a list of files: they have a name of their own."""
    algorithm = "sha256" if name == "baseline" else "modelDevopsDigestV1"
    return {"name": name, "digest": {algorithm: digest.removeprefix("sha256:")}}

"""The whole way with signatures, by the real command line: build, test, try, approve, deliver, go back (P1, A1, D8)."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from go_programs import COSIGN, installed
from model_devops.adapters import keys
from model_devops.release import statements
from model_devops.release.evidence import Evidence
from model_devops.release.layout import LayoutStore
from served import Served
from signing_keys import Key

pytestmark = pytest.mark.timeout(1200)


class Team:
    """A project whose production asks for the build server's signature and for Ann's or Bob's approval."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.ci, self.ann, self.stranger = (
            Key(folder, "ci"),
            Key(folder, "ann", "ed25519", "a pass wörd"),
            Key(folder, "x"),
        )
        approval = "{after: test, by: [ann], keys: {ann: keys/ann.pub}}"
        self.demand("ci.pub", f"requires: [tested, 'deployed:test'], approval: {approval}")

    def demand(self, names: str, more: str) -> None:
        text = (self.served.folder / "model.yaml").read_text()
        start, _, rest = text.partition("  production: {")
        port = rest[rest.index("port: ") : rest.index("}")].partition(",")[0]
        listed = ", ".join(f"keys/{name}" for name in names.split())
        block = f"{start}  production: {{target: local, {port}, signed_by: [{listed}], {more}}}\n"
        public = {f"keys__{key.public.name}": key.public.read_text() for key in (self.ci, self.ann, self.stranger)}
        self.served.commit(**{"model.yaml": block} | public)

    def run(self, key: Key | None, *words: str) -> dict:
        return self.served.run(*words, **(key.environment if key else {}))

    def ok(self, key: Key | None, *words: str) -> dict:
        done = self.run(key, *words)
        assert done["code"] == 0, done["err"]
        return done

    def build(self, key: Key | None, params: str = "seed: 1\n") -> str:
        """Built and tested with this key; returns the version."""
        self.served.commit(**{"params.yaml": params})
        version = str(self.ok(key, "build")["version"])
        self.ok(key, "test")
        return version

    def to_test(self, key: Key | None) -> str:
        """And tried."""
        version = self.build(key)
        self.ok(key, "deploy", "test")
        return version

    @property
    def store(self) -> LayoutStore:
        return LayoutStore(Path(self.ok(None, "store", "show")["location"]))

    def said(self, kind: str) -> list[Evidence]:
        return self.store.evidence(kind=kind)


@pytest.fixture
def team(served: Served, tmp_path: Path) -> Team:
    return Team(served, tmp_path)


def conditions(result: dict) -> dict[str, dict]:
    found = result.get("conditions") or result["error"].get("conditions") or result["error"]["details"]["conditions"]
    return {one["name"]: one for one in found}


def test_a_release_is_signed_on_its_whole_way_and_every_verdict_names_the_key(team, tmp_path):
    team.to_test(team.ci)
    for _ in range(2):  # the same decision again is no news
        assert team.run(team.ci, "deploy", "production")["code"] == 4
    team.ok(team.ann, "approve", "production", "--as", "ann")
    planned = conditions(team.ok(None, "plan", "production"))
    for name, key in (("tested", team.ci), ("deployed:test", team.ci), ("built-here", team.ci), ("approval", team.ann)):
        assert planned[name]["holds"]
        assert planned[name]["keys"][0] == key.fingerprint
        assert key.fingerprint[:19] in planned[name]["message"]
        assert planned[name]["evidence"]
    team.ok(team.ci, "deploy", "production")
    assert team.served.get("/ready", "production") == {"ready": True}
    for item in team.store.evidence():
        assert item.signature is not None, item.kind
        owner = team.ann if item.kind == "approved" else team.ci
        assert item.signature.by(keys.load_public(owner.pem, "x")), item.kind
    [approved] = team.said("approved")
    assert (approved.body.by, approved.body.origin) == ("ann", "signed")
    [refused, taken] = [item for item in team.said("decided") if item.body.environment == "production"]
    check_summary(team, refused, "FAILED", ["FAILED"])
    assert refused.body.failed == ["approval"]
    levels = ["MODEL_DEVOPS_TESTED", "MODEL_DEVOPS_DEPLOYED_TEST", "MODEL_DEVOPS_APPROVAL"]
    inputs = check_summary(team, taken, "PASSED", levels)
    assert inputs == {digest for one in planned.values() for digest in one["evidence"]}
    assert inputs == set(team.served.revisions("production")[-1]["decidedOn"])
    row = team.ok(None, "history", "production")["history"][0]
    assert {one["kind"] for one in row["basis"]} == {"built", "tested", "deployed", "approved"}
    (tmp_path / "bundle.json").write_bytes(bundle_of(team.store, taken))
    verify = [installed(COSIGN), "verify-blob-attestation", "--insecure-ignore-tlog", "--key", str(team.ci.public)]
    verify += ["--bundle", str(tmp_path / "bundle.json"), "--type", "https://slsa.dev/verification_summary/v1"]
    subprocess.run([*verify, "--digest", taken.release[7:], "--digestAlg", "sha256"], check=True, cwd=tmp_path)


def check_summary(team: Team, item: Evidence, result: str, levels: list[str]) -> set[str]:
    """Hold a statement against SLSA's verification summary v1; returns its inputs."""
    statement = predicate_of(team.store, item)
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    predicate = statement["predicate"]
    assert predicate["verificationResult"] == result
    assert predicate["verifier"] == {"id": "urn:model-devops:environment:mini:production"}
    assert predicate["timeVerified"] == item.body.time
    assert predicate["resourceUri"] == "urn:model-devops:release:mini@1.0.0"
    assert len(predicate["policy"]["digest"]["sha256"]) == 64
    assert predicate["policy"]["uri"] == "urn:model-devops:policy:model.yaml"
    assert predicate["verifiedLevels"] == levels
    return {f"sha256:{one['digest']['sha256']}" for one in predicate["inputAttestations"]}


def bundle_of(store: LayoutStore, item: Evidence) -> bytes:
    return store.blobs.read(json.loads(store.blobs.read(item.digest))["layers"][0]["digest"])


def predicate_of(store: LayoutStore, item: Evidence) -> dict:
    found: dict = json.loads(base64.b64decode(json.loads(bundle_of(store, item))["dsseEnvelope"]["payload"]))
    return found


def test_what_is_not_signed_is_taken_nowhere_that_asks_and_what_to_do_is_said(team):
    version = team.to_test(None)
    approved = team.run(None, "approve", "production", "--as", "ann")
    assert approved["code"] == 4
    for verb in ("plan", "deploy"):
        done = team.run(team.ci, verb, "production")
        assert done["code"] == 4
        assert "is not signed" in done["err"]
        assert team.ci.fingerprint[:19] in done["err"]
        assert keys.KEY in done["err"]
    assert team.served.revisions("production") == []
    # and what is said works
    team.ok(team.ci, "test")
    for _ in range(2):  # D4: it runs there already, is proved again, and that is signed once
        team.ok(team.ci, "deploy", "test")
    said = team.said("deployed")
    assert [item.signature is not None for item in said] == [False, True]
    assert said[0].body.revision_id == said[1].body.revision_id
    assert len(team.served.revisions("test")) == 1
    team.ok(team.ci, "store", "accept", version, "--reason", "I built it")
    team.ok(team.ann, "approve", "production", "--as", "ann")
    team.ok(team.ci, "deploy", "production")


def alter(store: LayoutStore, kind: str) -> None:
    """Change the signature of the statements of a kind, as somebody does who may write to the store."""
    file = store.folder / "index.json"
    index = json.loads(file.read_text())
    for item in store.evidence(kind=kind):
        document = json.loads(bundle_of(store, item))
        one = document["dsseEnvelope"]["signatures"][0]
        signature = bytearray(base64.b64decode(one["sig"]))
        signature[-1] ^= 1
        one["sig"] = base64.b64encode(bytes(signature)).decode()
        bundle = json.dumps(document).encode()
        size = len(store.blobs.read(item.release))
        manifest = statements.manifest(bundle, statements.BUNDLE, kind, item.release, size)
        store.blobs.put(bundle)
        digest = store.blobs.put(manifest)
        for entry in index["manifests"]:
            if entry["digest"] == item.digest:
                tag = statements.tag(item.release, digest)
                entry |= {"digest": digest, "size": len(manifest)}
                entry["annotations"] |= {"org.opencontainers.image.ref.name": tag}
    file.write_text(json.dumps(index))


ALTERED = {"tested": "tested", "deployed": "deployed:test", "approved": "approval", "built": "built-here"}


def test_an_altered_signature_is_refused_by_every_verb(team, tmp_path):
    team.to_test(team.ci)
    team.ok(team.ann, "approve", "production", "--as", "ann")
    store = team.store
    shutil.copytree(store.folder, tmp_path / "whole")
    for kind, condition in ALTERED.items():
        alter(store, kind)
        verbs = [["plan", "production"], ["deploy", "production"]]
        verbs += [["approve", "production", "--as", "ann"]] if kind == "deployed" else []
        for words in verbs:
            done = team.run(team.ann if words[0] == "approve" else team.ci, *words)
            assert done["code"] == 4, words
            if kind == "approved":  # whose it was meant to be isn't known any more
                assert "is a name given on the command line" in done["err"]
            else:
                assert "the signature of" in done["err"]
                assert "is wrong" in done["err"]
            if words[0] != "approve":
                failing = {name for name, one in conditions(done).items() if not one["holds"]}
                assert failing - {"approval"} == {condition} - {"approval"}  # approved is what runs in test
                assert kind not in ("approved", "deployed") or "approval" in failing
        shutil.rmtree(store.folder)
        shutil.copytree(tmp_path / "whole", store.folder)
    assert team.served.revisions("production") == []
    team.ok(None, "plan", "production")


def test_D8_a_rollback_goes_only_to_what_is_signed(team):
    team.demand("ci.pub", "requires: [tested]")
    versions = []
    for number in (1, 2):
        versions.append(team.build(team.ci, f"seed: {number}\n"))
        team.ok(team.ci, "deploy", "production")
    alter(team.store, "built")
    refused = team.run(team.ci, "rollback", "production")
    assert refused["code"] == 4
    assert "the signature of" in refused["err"]
    assert f"store accept {versions[0]}" in refused["err"]
    team.ok(team.ci, "store", "accept", versions[0], "--reason", "built by myself")
    assert team.ok(team.ci, "rollback", "production")["revision"]["version"] == versions[0]
    decided = [item for item in team.said("decided") if item.body.action == "rollback"]
    assert [predicate_of(team.store, item)["predicate"]["verificationResult"] for item in decided] == ["PASSED"]


def test_S5_who_has_no_key_lifts_no_revocation(team):
    version = team.to_test(team.ci)
    team.ok(team.ann, "approve", "production", "--as", "ann")
    statement = team.ok(None, "release", "revoke", version, "--reason", "wrong labels")["statement"]
    team.ok(None, "release", "withdraw", statement, "--reason", "no, they are right")
    assert "revoked" in team.run(team.ci, "deploy", "production")["err"]
    team.ok(team.ann, "release", "withdraw", statement, "--reason", "I looked at them all", "--as", "ann")
    team.ok(team.ci, "deploy", "production")


def test_a_key_that_cant_be_used_is_told_before_anything_is_done(team, tmp_path):
    version = team.build(team.ci)
    before, trainings = len(team.store.evidence()), team.served.trainings
    subprocess.run(["openssl", "genrsa", "-out", str(tmp_path / "rsa")], check=True, capture_output=True)
    team.served.commit(**{"params.yaml": "seed: 7\n"})
    metrics = team.served.folder / "metrics.json"
    metrics.unlink()
    for words, given in (
        (["build"], team.ann.environment | {keys.PASSWORD: "wrong"}),
        (["test", "--release", version], {keys.KEY: str(team.ann.file)}),
        (["deploy", "test", "--release", version], {keys.KEY: str(tmp_path / "rsa")}),
        (["approve", "production", "--release", version, "--as", "ann"], {keys.KEY: str(tmp_path / "nowhere")}),
        (["release", "revoke", version, "--reason", "x"], {keys.KEY: "-----BEGIN nonsense"}),
    ):
        done = team.served.run(*words, **given)
        assert done["code"] == 2, words
        assert done["error"]["kind"] == "key"
    assert team.served.trainings == trainings
    assert not metrics.exists()
    assert team.served.revisions("test") == []
    assert len(team.store.evidence()) == before


def test_T1_neither_key_nor_password_reaches_the_teams_commands_or_the_records(team):
    env = team.ann.environment | {keys.KEY: team.ann.file.read_text()}
    secret = [*team.ann.file.read_text().splitlines()[1:-1], env[keys.PASSWORD]]
    team.served.commit(
        **{
            "train.py": (team.served.folder / "train.py").read_text()
            + "open('trained.env', 'w').write(str(os.environ))\n"
        }
    )
    text = (team.served.folder / "train.py").read_text()
    (team.served.folder / "train.py").write_text("import os\n" + text)
    team.served.git("commit", "-qam", "look")
    outputs = [team.served.run(*words, **env) for words in (["build"], ["test"], ["deploy", "test"], ["key", "show"])]
    assert [done["code"] for done in outputs] == [0, 0, 0, 0]
    seen = (team.served.folder / "trained.env").read_text() + json.dumps(team.served.get("/env"))
    assert "MODEL_DEVOPS_SIGNING" not in seen
    kept = "".join(str(file.read_bytes()) for file in team.served.home.rglob("*") if file.is_file())
    for word in secret:
        assert word not in seen + str(outputs) + kept

"""What teams write: templates as kubectl prints them, amounts and texts in whatever words they like."""

from __future__ import annotations

import json

import pytest

from deployed import Deployed

pytestmark = pytest.mark.timeout(300)

CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: "{{ name }}-cache", creationTimestamp: null}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: none
  resources: {requests: {storage: 1024Mi}}
status: {}
"""
NIGHTLY = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: "{{ name }}-nightly", namespace: {{ namespace }}}
spec:
  schedule: "0 3 * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        metadata: {creationTimestamp: null}
        spec:
          restartPolicy: OnFailure
          securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
          containers:
            - name: job
              image: {{ image }}
              args: []
              command: ["true"]
              env: []
              resources: {limits: {memory: 0.5Gi, cpu: 0.1}, requests: {memory: 512Mi, cpu: 100m}}
              securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
              volumeMounts: [{name: tmp, mountPath: /tmp}]
          volumes: [{name: tmp, emptyDir: {sizeLimit: 2048Mi}}]
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: "{{ name }}-x"}
spec:
  minReplicas: 1
  maxReplicas: 2
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}
  metrics:
    - type: External
      external:
        metric: {name: queue}
        target: {type: Value, value: "1000m"}
    - type: Resource
      resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}
"""
FURTHER = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "{{ name }}-reader"}
rules:
  - {apiGroups: [""], resources: [configmaps], verbs: [get]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ name }}-second"}
data: {a: "1", empty: "", multi: "x\\ny: {{ '{{' }}"}
binaryData: {b: AAEC}
"""


def must_hold(deployed: Deployed) -> None:
    """It runs, nothing seems to have changed since, and nothing is to be done again."""
    deployed.ok("deploy", "prod")
    assert deployed.ok("deploy", "prod")["changed"] is False
    deployed.ok("status", "prod", "--check")
    assert "no change: this runs there already" in deployed.ok("plan", "prod")["err"]


def test_objects_of_a_team_are_as_they_were_applied_whatever_the_cluster_makes_of_them(deployed: Deployed) -> None:
    deployed.settings("    replicas: 2\n", "    replicas: 1\n    templates: t\n")
    files = {"claim": CLAIM, "nightly": NIGHTLY, "scaler": SCALER, "further": FURTHER}
    deployed.release(1, **{f"t/{name}.yaml.j2": text for name, text in files.items()})
    must_hold(deployed)


#: As in YAML, and what it means.
TEXTS = {
    "EMPTY": ('""', ""),
    "COLON": ('"a: b"', "a: b"),
    "JINJA": ('"{{ x }} {% y %}"', "{{ x }} {% y %}"),
    "DOLLAR": ('"$(HOME) $$ $X"', "$(HOME) $$ $X"),
    "LINES": ('"a\\nb\\n"', "a\nb\n"),
    "UNICODE": ("größe 😀", "größe 😀"),
    "NUMBER": ('"1"', "1"),
    "SPACES": ('"  x  "', "  x  "),
    "QUOTES": ("'a\"b''c\\d'", "a\"b'c\\d"),
}
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def test_variables_come_to_the_server_as_they_were_written(deployed: Deployed) -> None:
    lines = "".join(f"    {name}: {written}\n" for name, (written, _) in TEXTS.items())
    deployed.settings("  env: {GREETING: hello}\n", f"  env:\n{lines}  resources: {{cpu: '0.10', memory: 102400Ki}}\n")
    deployed.settings("    replicas: 2\n", "    replicas: 1\n")
    deployed.release(1)
    must_hold(deployed)
    (pod,) = deployed.pods()
    seen = json.loads(deployed.kubectl("exec", pod["metadata"]["name"], "--", "python3", "-c", PRINT))
    assert {name: seen.get(name) for name in TEXTS} == {name: text for name, (_, text) in TEXTS.items()}


MANY = """\
import pathlib
import hashlib
for number in range(22_000):
    path = pathlib.Path(f"model/many/{number // 1000}/{number}.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(hashlib.sha256(str(number).encode()).hexdigest())
"""


def test_a_model_of_so_many_files_that_its_record_needs_several_secrets(deployed: Deployed) -> None:
    """A Secret holds a MiB."""
    deployed.settings("    replicas: 2\n", "    replicas: 1\n")
    deployed.settings("  digest: /model\n", "")  # the server looks at one file only
    train = (deployed.mini.folder / "train.py").read_text()
    deployed.release(1, **{"train.py": train + MANY})
    must_hold(deployed)
    parts = [one["metadata"]["name"] for one in deployed.objects("secret") if ".applied" in one["metadata"]["name"]]
    assert sorted(parts) == ["mini-prod.r1.applied", "mini-prod.r1.applied1"]
    changed = deployed.release(2)
    deployed.ok("deploy", "prod")
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == changed
    assert deployed.ok("rollback", "prod", "--reason", "as before")["revision"]["number"] == 3

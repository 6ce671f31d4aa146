"""What is rendered, as kubectl reads it; and whose templates count for an environment that is policed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deployed import Deployed
from model_devops.manifests import templates

pytestmark = pytest.mark.timeout(200)
SERVICE = (Path(templates.__file__).parent / "templates" / "service.yaml.j2").read_text()


def named(text: str, value: str) -> dict[str, str]:
    """A team's Service, with an annotation."""
    changed = text.replace("metadata:\n", f'metadata:\n  annotations: {{contact: "{value}"}}\n', 1)
    assert changed != text
    return {"t/service.yaml.j2": changed}


def test_what_is_rendered_is_what_kubectl_takes_and_what_a_deploy_makes(deployed: Deployed) -> None:
    deployed.release(1)
    printed = deployed.printed("render", "prod")
    assert printed == deployed.printed("render", "prod")
    said = deployed.cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=printed)
    rendered = [one for one in yaml.safe_load_all(printed) if one]
    assert len(said.splitlines()) == len(rendered) == 6
    deployed.ok("deploy", "prod")
    diff = deployed.cluster.run("diff", "--server-side", "--force-conflicts", "-f", "-", stdin=printed)
    changed = [line for line in diff.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    ours = ("modeldevops.org/", "generation", "resourceVersion", "uid")
    assert [line for line in changed if not any(word in line for word in ours)] == [], diff.stdout


def test_P1_templates_come_from_where_policy_comes_from(deployed: Deployed, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    deployed.mini.git("remote", "add", "origin", str(bare))
    deployed.settings("    prereleases: true\n    replicas: 2\n", "    replicas: 1\n    templates: t\n")
    deployed.mini.commit("theirs", **named(SERVICE, "Ada"))
    deployed.mini.git("push", "-q", "-u", "origin", "main")
    version = str(deployed.ok("build")["release"]["version"])
    deployed.mini.commit("mine, and not where policy is", **named(SERVICE, "Mallory"))
    deployed.ok("deploy", "prod", "--release", version)
    assert deployed.object("service")["metadata"]["annotations"]["contact"] == "Ada"
    assert "Mallory" in deployed.printed("render", "prod", "--release", version)
    deployed.mini.git("push", "-q", "origin", "main")
    deployed.ok("deploy", "prod", "--release", version)
    assert deployed.object("service")["metadata"]["annotations"]["contact"] == "Mallory"

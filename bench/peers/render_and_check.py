"""Renders and checks the objects of releases FROM … TO in one process; with --print, writes them out as well."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from model_devops.manifests.check import check
from model_devops.manifests.render import documents, render
from model_devops.manifests.schemas import versions
from model_devops.manifests.values import values
from revisions import revision

autoscale, resources = {"min": 2, "max": 5, "cpu": 70}, {"cpu": "1", "memory": "1Gi"}
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    wanted = revision(number, autoscale=autoscale, resources=resources, ingress={"host": "example.com"})
    found = render(values(f"model{number}", "production", wanted), {})
    checked = check(found, version=versions()[-1], digests_only=True, namespaced_only=True)
    assert not checked.problems, checked.problems
    if "--print" in sys.argv:
        print(documents(found), end="---\n")

"""Revisions of environments in Kubernetes, as a deploy records them."""

from __future__ import annotations

from typing import Any

from model_devops.deploy.revision import PENDING, Revision

IMAGE = "registry.example.com/team/digits/image@sha256:" + "a" * 64


def revision(number: int = 1, **settings: Any) -> Revision:
    """A revision of release 1.0.<number>, with these settings in place of the usual ones."""
    usual: dict[str, Any] = {
        "target": "kubernetes",
        "namespace": "models",
        "port": 80,
        "replicas": 3,
        "min_ready": "10s",
        "drain": "10s",
        "image": {"reference": IMAGE, "digests": ["sha256:" + "a" * 64], "size": 100 << 20},
        "identity": {"MODEL_DEVOPS_VERSION": f"1.0.{number}"},
        "env": {},
        "serve": {"command": "python serve.py"},
    }
    return Revision(
        number=number,
        id=f"revision-{number}",
        status=PENDING,
        action="deploy",
        release=f"sha256:{number:064x}",
        version=f"1.0.{number}",
        model="sha256:" + "c" * 64,
        settings=usual | settings,
    )

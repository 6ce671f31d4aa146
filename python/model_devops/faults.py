"""Named crash points, so that tests can kill the program between any two steps that matter.

A point does nothing unless `MODEL_DEVOPS_CRASH_AT` names it; then the process kills itself as
`kill -9` would. `NAME:3` dies where the point is hit for the third time. All names are listed in
`POINTS`: a test walks that list and proves that each is hit.
"""

from __future__ import annotations

import os
import signal

#: Every crash point, by the module that holds it. A point not listed here is a defect.
POINTS: tuple[str, ...] = (
    "file.before-write",
    "file.before-rename",
    "file.after-rename",
    "store.before-blobs",
    "store.mid-blob",
    "store.before-blob-rename",
    "store.before-manifest",
    "store.before-index",
    "store.after-index",
    "registry.mid-blob",
    "registry.before-blob-name",
    "registry.before-manifest",
    "registry.after-manifest",
    "registry.after-fallback",
    "image.before-manifest",
    "image.after-manifest",
    "image.before-push",
    "image.after-push",
    "image.before-tag",
    "claim.before-tag",
    "claim.before-push",
    "claim.after-push",
    "build.before-name",
    "build.after-name",
    "build.before-params",
    "build.after-params",
    "revision.before-create",
    "revision.after-create",
    "revision.before-status",
    "revision.after-status",
    "rollout.before-apply",
    "rollout.after-apply",
    "rollout.after-proof",
    "rollout.after-verified",
    "rollout.before-restore",
    "rollout.after-restore",
    "local.before-stop",
    "local.after-stop",
    "local.after-start",
    "kubernetes.after-lease",
    "kubernetes.after-set",
    "kubernetes.mid-apply",
    "kubernetes.mid-remove",
    "kubernetes.mid-prune",
    "approve.after-rejected",
)


def point(name: str) -> None:
    """Die here, at once and without clean-up, if a test asked for it."""
    wanted, _, turn = os.environ.get("MODEL_DEVOPS_CRASH_AT", "").partition(":")
    if wanted != name:
        return
    _hits.append(name)
    if len(_hits) == int(turn or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_hits: list[str] = []

"""Kubernetes' own programs, built from their Go modules once per machine: `make cluster-programs`."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from registries import CACHE, ENVIRONMENT

SOURCES = Path(__file__).parents[1] / "cluster"
#: They are one binary, which looks at the name that it is called by (tests/cluster/main.go).
KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
#: What a released API server says of itself.
VERSION = re.findall(r"\sk8s.io/kubernetes (v\S+)", (SOURCES / "go.mod").read_text())[0]
NAMED = f"-X k8s.io/component-base/version.gitVersion={VERSION}"
#: No debug information: compiling and keeping it costs more than the code.
BUILD = ["build", "-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags=-s -w {NAMED}"]


def folder() -> Path:
    """Where the programs of these sources lie, once they are built; other clones with the same sources use them too."""
    found = hashlib.sha256()
    for file in sorted([*SOURCES.rglob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum", Path(__file__)]):
        found.update(file.name.encode() + b"\0" + file.read_bytes())
    return CACHE / f"cluster-{found.hexdigest()[:12]}"


def build() -> None:
    """Build what is not there yet. A second process waits for the first instead of compiling the same."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = folder()
        if not target.exists():
            print("Building Kubernetes for the tests (once; about five minutes on two cores).", flush=True)
            unfinished = target.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            _compile(unfinished)
            unfinished.replace(target)


def _compile(target: Path) -> None:
    # Without cgo: the images have no C library. Two compilers at once: more need more memory than small machines have.
    environment = ENVIRONMENT | {"CGO_ENABLED": "0", "GOMAXPROCS": "2"}
    for package in (".", "./forward", "./sample"):
        name = "kubernetes" if package == "." else package[2:]
        command = ["nice", "go", *BUILD, "-p", "2", "-o", str(target / name), package]
        subprocess.run(command, cwd=SOURCES, env=environment, check=True)
    for name in KUBERNETES:
        (target / name).symlink_to("kubernetes")


def main() -> None:
    """Build where there can be a cluster. Where there is none, the tests that need it say why."""
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("go"):
        try:
            build()
        except subprocess.CalledProcessError as error:
            print(f"Kubernetes could not be built: {' '.join(error.cmd)} ended with {error.returncode}, see above.")


if __name__ == "__main__":
    main()

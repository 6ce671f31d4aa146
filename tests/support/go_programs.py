"""Independent programs that judge what we write, built from their Go modules once per machine."""

import os
import subprocess

from lacking import lacking, program
from registries import CACHE

ENVIRONMENT = dict(os.environ)
ORAS = "oras.land/oras/cmd/oras@v1.3.6"
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"
DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry@v3.0.0"
COSIGN = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2"


def installed(module: str) -> str:
    """The path of the program that a module makes. The first run downloads and compiles, which takes minutes."""
    binary = CACHE / module.partition("@")[0].rpartition("/")[2]
    if not binary.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [program("go"), "install", module]
        if subprocess.run(command, env=ENVIRONMENT | {"GOBIN": str(CACHE)}, check=False).returncode:
            lacking(f"{module} can't be installed here: see the output of `go install` above")
    return str(binary)

"""The environment variables that a team's command sees: no credential of the step (T1).

A list of names to take away misses the next credential, because Jenkins binds secrets to any name that a
Jenkinsfile chooses. So it is the other way round: only what is known to describe the machine and the
build is passed on, and of that nothing whose value carries a secret. What else a command needs is either
written in the command itself (then it is part of the recipe, and of the proof) or named in
`MODEL_DEVOPS_PASS` by whoever runs the step; model.yaml cannot name it.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping
from pathlib import Path

from model_devops.release.store import Stored

#: Names (fnmatch patterns, upper case) that are passed on. Published in docs/runtime.md.
PASSED: tuple[str, ...] = (
    # the user and the machine
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "PWD", "LANG", "LANGUAGE", "LC_*", "TZ"),
    *("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TMPDIR", "TMP", "TEMP"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH", "LIBRARY_PATH"),
    "MODEL_DEVOPS_HOME",
    # certificates and proxies
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    # interpreters and libraries
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "JAVA_HOME", "CUDA_*", "NVIDIA_*", "NCCL_*"),
    *("ROCR_*", "HIP_*", "OMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "KMP_*", "GOMP_*", "TF_CPP_*", "XLA_FLAGS"),
    *("HF_HOME", "TORCH_HOME", "MPLBACKEND", "MPLCONFIGDIR", "JOBLIB_*", "TOKENIZERS_PARALLELISM"),
    # what build this is; Jenkins finds and ends a build's processes by its two cookies
    *("CI", "JENKINS_NODE_COOKIE", "JENKINS_SERVER_COOKIE", "JENKINS_URL", "BUILD_ID", "BUILD_NUMBER", "BUILD_TAG"),
    *("BUILD_URL", "JOB_NAME", "JOB_BASE_NAME", "NODE_NAME", "EXECUTOR_NUMBER", "WORKSPACE", "WORKSPACE_TMP"),
    *("BRANCH_NAME", "CHANGE_ID", "CHANGE_TARGET", "GIT_BRANCH", "GIT_COMMIT"),
    *("CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME", "CI_COMMIT_SHA", "CI_JOB_ID", "CI_JOB_NAME", "CI_JOB_URL"),
    *("CI_PIPELINE_ID", "CI_PIPELINE_URL", "CI_PROJECT_DIR", "CI_PROJECT_PATH", "GITLAB_CI"),
    *("GITHUB_ACTIONS", "GITHUB_JOB", "GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_REPOSITORY", "GITHUB_RUN_ATTEMPT"),
    *("GITHUB_RUN_ID", "GITHUB_RUN_NUMBER", "GITHUB_SHA", "GITHUB_WORKSPACE", "RUNNER_TEMP"),
)
#: Names that are kept out although a pattern above matches them.
KEPT_OUT = ("*TOKEN", "*SECRET*", "*PASSW*", "*PSW", "*CREDENTIAL*", "*API_KEY", "*ACCESS_KEY*", "*PRIVATE_KEY*")
EXCEPTIONS = ("TOKENIZERS_PARALLELISM",)
#: Values that carry a secret whatever their name: a URL with user information, a private key.
SECRET_VALUE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#]*@|-----BEGIN [A-Z ]*PRIVATE KEY")
#: The variable in which the caller names further ones to pass on, separated by commas or spaces.
PASS = "MODEL_DEVOPS_PASS"


def passed(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What of `environ` (default: this process's environment) a team's command may see (T1)."""
    environ = os.environ if environ is None else environ
    named = set(re.split(r"[\s,]+", environ.get(PASS, "")))
    return {name: value for name, value in environ.items() if name in named or _is_harmless(name, value)}


def for_command(venv: Path | None, extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a command that runs in `venv` (None: in what is there), with `extra` added."""
    environment = passed()
    if venv is not None:
        for name in ("PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
            environment.pop(name, None)
        environment["VIRTUAL_ENV"] = str(venv)
        environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment.get('PATH') or os.defpath}"
    return environment | dict(extra)


def identity_of(release: Stored) -> dict[str, str]:
    """The release's identity as environment variables (T1); unknown ones are left out."""
    record = release.record
    variables = {
        "MODEL_DEVOPS_NAME": record.name,
        "MODEL_DEVOPS_VERSION": record.version,
        "MODEL_DEVOPS_RELEASE": release.digest,
        "MODEL_DEVOPS_IDENTITY": record.identity.digest,
    }
    if record.commit:
        variables["MODEL_DEVOPS_COMMIT"] = record.commit
    artifacts = record.identity.artifacts.items()
    return variables | {f"MODEL_DEVOPS_{name.upper()}_DIGEST": digest for name, digest in artifacts}


def _is_harmless(name: str, value: str) -> bool:
    upper = name.upper()
    if not _matches(upper, PASSED) or SECRET_VALUE.search(value):
        return False
    return upper in EXCEPTIONS or not _matches(upper, KEPT_OUT)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

"""The types of model.yaml: the one source for reading it and for its published JSON Schema.

Field names are those of the file. Descriptions end up in the schema, so that editors show them.
What belongs to policy (P1) is marked as such; everything else is a setting.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field

Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="Lower-case letters, digits and '-', at most 40, as Kubernetes and git tags allow it.",
    ),
]
Path = Annotated[str, Meta(min_length=1)]
Command = Annotated[str, Meta(min_length=1, description="A shell command, run in the folder of model.yaml.")]
Duration = Annotated[str, Meta(pattern=r"^[0-9]+(ms|s|m|h|d)$", description="For example 500ms, 30s, 10m, 2h, 7d.")]
UrlPath = Annotated[str, Meta(pattern=r"^/[^\s]*$", description="A path on the server, for example /ready.")]
Pinned = Annotated[
    str, Meta(pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$", description="An image by digest: HOST/PATH@sha256:….")
]
Paths = Path | list[Path]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Label = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="Lower-case letters, digits and '-'.")
]
Key = Annotated[str, Meta(min_length=1, description="A public key: a file relative to model.yaml, or its PEM text.")]


class Base(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common settings of all types here: immutable, by name only, unknown keys refused."""


class Runtime(Base, frozen=True):
    """What the team's code needs to run."""

    file: Annotated[Path, Meta(description="A requirements.txt.")]
    use: Annotated[
        Literal["make", "as-is"],
        Meta(description="make: a virtual environment from the file; as-is: run in what is there."),
    ] = "make"


class Artifacts(Base, frozen=True):
    """Paths or globs, relative to model.yaml. What is not here is not part of the release."""

    model: Annotated[Paths, Meta(description="The weights; the output of `train`, where there is one.")]
    dataset: Paths | None = None
    code: Paths | None = None
    params: Annotated[Path | None, Meta(description="One YAML or JSON file with the hyperparameters.")] = None
    runtime: Path | Runtime | None = None


class Tensor(Base, frozen=True):
    """One input or output of the model. A dimension of -1 or a name is variable."""

    name: str
    dtype: str
    shape: list[int | str]


class Signature(Base, frozen=True):
    """The model's inputs and outputs."""

    inputs: list[Tensor]
    outputs: list[Tensor]


class Check(Base, frozen=True):
    """Checks of the code, and what the checks of the model may let pass."""

    run: list[Command] = field(default_factory=list)
    allow: Annotated[
        list[Path],
        Meta(description="Files (globs) in executable formats such as pickle that are accepted by name."),
    ] = field(default_factory=list)


class Gate(Base, frozen=True):
    """A condition on a metric. `max_drop` and `max_rise` compare with what runs in the baseline."""

    min: float | None = None
    max: float | None = None
    max_drop: Annotated[float, Meta(ge=0)] | None = None
    max_rise: Annotated[float, Meta(ge=0)] | None = None
    baseline: Annotated[Name, Meta(description="Another environment than test.baseline.")] | None = None


class Resources(Base, frozen=True):
    """What the server may use, as Kubernetes writes it."""

    cpu: Annotated[str, Meta(description="Processors: 500m, 1, 2.5.")] | None = None
    memory: Annotated[str, Meta(description="Memory: 512Mi, 2Gi.")] | None = None
    gpu: Annotated[Count | None, Meta(description="Whole GPUs (nvidia.com/gpu), in Kubernetes.")] = None


class KubernetesJob(Base, frozen=True):
    """Where commands run in a cluster instead of on the agent."""

    namespace: Label
    context: Annotated[str | None, Meta(description="The context of the kubeconfig; by default its current one.")] = (
        None
    )
    image: Annotated[
        Pinned | None, Meta(description="With python3 and all that is needed. A test's default: the release's.")
    ] = None
    resources: Annotated[Resources | None, Meta(description="Of each pod: cpu, memory, gpu.")] = None
    shards: Annotated[
        Count, Meta(description="Pods at once; each finds MODEL_DEVOPS_SHARD and MODEL_DEVOPS_SHARDS.")
    ] = 1
    pull_secret: Annotated[str | None, Meta(description="The Secret that the image is pulled with.")] = None


class KubernetesTest(KubernetesJob, frozen=True):
    """The same for a test, whose shards each measure something."""

    combine: Annotated[
        Command | None, Meta(description="Run here then: makes one metrics file of the shards' metrics.0.json, ….")
    ] = None


class Train(Base, frozen=True):
    """How the model is made, and where."""

    run: Command | list[Command]
    timeout: Annotated[Duration, Meta(description="For all commands together.")] = "24h"
    kubernetes: Annotated[
        KubernetesJob | None, Meta(description="Run the commands as a Job in a cluster (docs/building.md).")
    ] = None


class Test(Base, frozen=True):
    """How a release is measured, and what it must reach."""

    __test__: ClassVar[bool] = False  # not a test case, whatever its name suggests to pytest

    run: list[Command]
    metrics: Annotated[Path, Meta(description="JSON written by the run; deleted before it.")] = "metrics.json"
    junit: Annotated[Path, Meta(description="JUnit XML written by the run, published with the gates.")] | None = None
    baseline: Annotated[Name, Meta(description="The environment whose release the gates compare with.")] | None = None
    gates: dict[str, Gate] = field(default_factory=dict)
    code: Annotated[Paths | None, Meta(description="The evaluation code (T4); by default all of `code`.")] = None
    container: Annotated[bool, Meta(description="Also start the release's image, and measure it.")] = False
    requests: Annotated[
        Path | None, Meta(description="Requests (JSON lines) that the container must answer as expected.")
    ] = None
    timeout: Duration = "1h"
    kubernetes: Annotated[
        KubernetesTest | None, Meta(description="Run the commands as a Job in a cluster (docs/testing.md).")
    ] = None


class Smoke(Base, frozen=True):
    """A request that must be answered as expected before a revision counts as verified."""

    path: UrlPath
    method: Literal["GET", "POST", "PUT"] = "GET"
    json: Any = None
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    expect: Annotated[Any, Meta(description="The JSON answer; for an object, the fields named here.")] = None


class Serve(Base, frozen=True):
    """How the model is served. The command finds HOST and PORT in its environment."""

    command: Command
    ready: UrlPath = "/ready"
    digest: Annotated[UrlPath, Meta(description="Where the server says what it has loaded (D10).")] | None = None
    smoke: list[Smoke] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    resources: Annotated[
        Resources | None, Meta(description="Limits of the container test, and of each pod in Kubernetes.")
    ] = None
    start_timeout: Duration = "60s"
    stop_timeout: Duration = "10s"


class Package(Base, frozen=True):
    """How a release becomes a container image: on a base without any Docker, or from a Dockerfile."""

    base: Annotated[
        str | None,
        Meta(description="The image that model, code and parameters are laid on, for example python:3.11-slim."),
    ] = None
    dockerfile: Annotated[Path | None, Meta(description="A Dockerfile, built by a Docker daemon.")] = None
    context: Annotated[
        Path | None,
        Meta(description="The folder whose part of the release the Dockerfile sees; by default model.yaml's."),
    ] = None
    image: Annotated[
        str | None,
        Meta(description="HOST/PATH where the image goes; by default STORE/NAME/image, where the store is a registry."),
    ] = None
    platform: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$", description="For example linux/amd64, linux/arm64/v8."),
    ] = "linux/amd64"


class Approval(Base, frozen=True):
    """Policy: a person's word about one digest (A1, A2)."""

    after: Annotated[Name, Meta(description="The release must be verified in this environment.")] | None = None
    by: Annotated[list[str], Meta(description="Who may approve, by the name that CI gives.")] = field(
        default_factory=list
    )
    not_author: Annotated[
        bool | dict[str, str],
        Meta(description="Nobody approves his own; a map from git author mail to CI name."),
    ] = False
    keys: Annotated[
        dict[str, Key],
        Meta(description="Public keys of persons, by name: what one of them signs is that person's word (A1)."),
    ] = field(default_factory=dict)
    expires: Duration | None = None


Level = Literal["image", "measured", "reported"]


class Autoscale(Base, frozen=True):
    """A HorizontalPodAutoscaler owns the number of pods, between these bounds."""

    min: Count
    max: Count
    cpu: Annotated[Count, Meta(description="Percent of the requested CPU to aim at.")] = 70


class Ingress(Base, frozen=True):
    """How the server is reached from outside the cluster."""

    host: Annotated[str, Meta(min_length=1, description="For example digits.example.com.")]
    class_name: Annotated[str | None, Meta(description="The IngressClass; by default the cluster's.")] = None
    tls_secret: Annotated[str | None, Meta(description="The Secret with the host's certificate.")] = None


class Limit(Base, frozen=True):
    """Bounds of a figure of what serves."""

    min: float | None = None
    max: float | None = None


class Verify(Base, frozen=True):
    """What the servers must hold to for a while, after their proof, before a rollout counts as verified."""

    window: Annotated[Duration, Meta(description="How long they are watched: 1s to 24h.")]
    every: Annotated[Duration, Meta(description="The time from one look to the next, at least 1s.")] = "5s"
    metrics: Annotated[
        UrlPath | None, Meta(description="Where the server gives metrics, in Prometheus' text format.")
    ] = None
    requests: Annotated[
        Path | None, Meta(description="A file of the release with requests (JSON lines) that are asked as well.")
    ] = None
    gates: Annotated[
        dict[str, Limit],
        Meta(
            description="Limits by figure: latency_p50_ms, latency_p95_ms, latency_p99_ms, wrong_answers, not_ready,"
            " restarts, and metrics.NAME. wrong_answers, not_ready and restarts are at most 0 unless they are named."
        ),
    ] = field(default_factory=dict)


class Environment(Base, frozen=True):
    """A place that takes releases."""

    target: Literal["local", "kubernetes"]
    port: Annotated[Port | None, Meta(description="Where the server, or in Kubernetes its Service, listens.")] = None
    host: Annotated[str | None, Meta(description="local: the address to listen on, by default 127.0.0.1.")] = None
    context: Annotated[
        str | None,
        Meta(description="Policy, kubernetes: the context of the kubeconfig; by default its current one."),
    ] = None
    namespace: Annotated[Label | None, Meta(description="Policy, kubernetes: where its objects lie.")] = None
    prereleases: Annotated[bool, Meta(description="Policy: also takes pre-releases.")] = False
    requires: Annotated[
        list[
            Annotated[
                str,
                Meta(pattern=r"^(tested|deployed:[a-z0-9-]+)$", description="`tested` or `deployed:ENVIRONMENT`."),
            ]
        ],
        Meta(description="Policy: `tested`, `deployed:ENVIRONMENT`."),
    ] = field(default_factory=list)
    approval: Annotated[bool | Approval, Meta(description="Policy: who must have approved the release.")] = False
    store: Annotated[
        str | None,
        Meta(description="Policy: a store of its own; a release is promoted to it, and runs from there."),
    ] = None
    signed_by: Annotated[
        list[Key], Meta(description="Policy: only what one of these keys signed speaks for a release (S5).")
    ] = field(default_factory=list)
    proof: Annotated[list[Level], Meta(description="Policy: the levels of proof that must hold (D10).")] = field(
        default_factory=lambda: ["measured"]
    )
    verify: Annotated[
        Verify | None,
        Meta(description="Policy: the servers are watched for a while before a rollout is verified (D13)."),
    ] = None
    env: Annotated[dict[str, str], Meta(description="Setting: further variables for the serve command.")] = field(
        default_factory=dict
    )
    replicas: Annotated[
        Count | None, Meta(description="kubernetes: pods; by default 3, and 1 where pre-releases are taken.")
    ] = None
    autoscale: Annotated[Autoscale | None, Meta(description="kubernetes: in place of replicas.")] = None
    resources: Annotated[Resources | None, Meta(description="kubernetes: in place of serve.resources.")] = None
    ingress: Annotated[Ingress | None, Meta(description="kubernetes: reached from outside the cluster.")] = None
    pull_secret: Annotated[str | None, Meta(description="kubernetes: the Secret that images are pulled with.")] = None
    debug_image: Annotated[
        Pinned | None,
        Meta(
            description="kubernetes: an image with sha256sum or python3, for images that have neither: it"
            " runs beside the server, as an ephemeral container, and hashes what the server has.",
        ),
    ] = None
    templates: Annotated[
        Path | None, Meta(description="kubernetes: a folder with templates that replace or add to the built-in ones.")
    ] = None
    min_ready: Annotated[Duration | None, Meta(description="kubernetes: how long a pod must stay ready; 10s.")] = None
    drain: Annotated[
        Duration | None, Meta(description="kubernetes: how long an ending pod still answers while it is left; 10s.")
    ] = None


class Model(Base, frozen=True):
    """model.yaml: the only file a team writes besides its Jenkinsfile."""

    name: Name
    artifacts: Artifacts
    ignore: Annotated[list[str], Meta(description="gitignore patterns, part of every digest (C1).")] = field(
        default_factory=list
    )
    moved_from: Annotated[Path | None, Meta(description="The path that this file had before (V6).")] = None
    release_branch: Annotated[str | None, Meta(description="Policy: default is the remote's default branch.")] = None
    store: Annotated[
        str | None,
        Meta(description="A folder, or oci://HOST/PATH in a registry; the default is the user's data folder (S1)."),
    ] = None
    train: Annotated[Command | list[Command] | Train | None, Meta(description="How the model is made.")] = None
    check: list[Command] | Check = field(default_factory=list)
    signature: Signature | None = None
    test: Test | None = None
    serve: Serve | None = None
    package: Annotated[Package | None, Meta(description="The container image of a release (docs/images.md).")] = None
    environments: dict[Name, Environment] = field(default_factory=dict)

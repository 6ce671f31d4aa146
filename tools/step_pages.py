"""The Jenkins steps' help pages, vars/*.txt and docs/steps.md: from the verbs' own options and the table below.

Jenkins shows a .txt through its markup formatter, which may escape or swallow what looks like HTML and joins spaces: so
the pages are plain lines without any of it.
"""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass, field

import click

from model_devops.cli.seam import _camel, _public

CREDENTIALS = {
    "gitCredentials": "username with password: fetching the policy, pushing the tag that claims a version",
    "gitSshKey": "SSH username with private key: the same over SSH",
    "kubeconfig": "secret file: the cluster",
    "registryCredentials": "username with password: the registry",
    "signingKey": "secret file: the key that signs",
    "signingKeyPassword": "secret text: its password, where it is encrypted",
    "webhook": "secret text: the address of a webhook",
    "webhookSecret": "secret text: the key that signs what is sent there",
    "smtpCredentials": "username with password: the mail server's login",
}
UNSTABLE = {
    "unstable": "true or false. Whether a failed check, test or gate (exit code 3) makes the build UNSTABLE instead of "
    "failing it. Default: false."
}
LOCKS = {
    "lock": "text. Name of a lockable resource to hold meanwhile. Needs the plugin Lockable Resources.",
    "milestone": "number. The milestone to pass inside the lock, so that no older build comes last. Needs the plugin "
    "Pipeline: Milestone Step.",
}
AGENT = {
    "node": "text. Label of the agent to take where the step is on none. Default: any.",
    "checkout": "closure. How the sources get onto that agent. Default: checkout scm.",
}
RETURNS = (
    "A map: the result document of the command line (docs/seam.md) with version, digest and name of the release at its "
    "top; also exitCode, status, summary, warnings, release, revision, reports."
)
VALUES = {
    "MODEL_NAME, MODEL_VERSION, MODEL_RELEASE": "the release: name, version, digest",
    "MODEL_IMAGE": "its image, HOST/PATH@sha256:…, where it has one",
    "MODEL_PRERELEASE, MODEL_NEW": "true or false: a pre-release; made by this build",
    "MODEL_ENVIRONMENT, MODEL_REVISION": "the environment, and the number of its revision",
    "MODEL_STATUS, MODEL_SUMMARY": "how the step ended, in a word and in a line",
    "MODEL_X_VERSION, MODEL_X_RELEASE": "the same for the model X: its name in capitals, other characters as _",
    "MODEL_FAILURE": "the last failure, for modelNotify",
}
RESULTS = {
    "0": "the build goes on",
    "3": "FAILURE (a check, test or gate failed); UNSTABLE where the step takes unstable: true",
    "4": "FAILURE (a precondition does not hold); NOT_BUILT where a later commit was released already",
    "130, 143": "ABORTED",
    "all others, and no result at all": "FAILURE; the message says what to do next",
}


@dataclass(frozen=True)
class Step:
    """One step: the verb whose options it takes, and what only the step knows."""

    name: str
    verb: str | None
    example: str
    own: dict[str, str] = field(default_factory=dict)
    about: str = ""
    hidden: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    returns: str = RETURNS


STEPS = [
    Step("modelCheck", "check", "modelCheck()", UNSTABLE),
    Step(
        "modelBuild",
        "build",
        "def built = modelBuild(params: params)\necho built.version",
        UNSTABLE,
        renamed={"param": "params"},
        said={"param": "map. Values that replace those of the params file by their names, as a job's params do."},
    ),
    Step("modelTest", "test", "modelTest(unstable: true)", UNSTABLE),
    Step("modelDeploy", "deploy", "modelDeploy(environment: 'test', gitCredentials: 'git-writer')", LOCKS | UNSTABLE),
    Step(
        "modelApprove",
        "approve",
        "modelApprove(environment: 'production', submitter: 'data-owners', time: 2, unit: 'DAYS')",
        {
            "submitter": "text. Users or groups that may answer, with commas. Default: whoever may build the job.",
            "message": "text. The question. Default: the release and the environment; what would change follows.",
            "time": "number. How long to wait for an answer; then the build is aborted. Default: 72.",
            "unit": "text. The unit of time: SECONDS, MINUTES, HOURS or DAYS. Default: HOURS.",
        }
        | AGENT,
        "Ask a person whether exactly this release may go to an environment, and record the answer as evidence. Stands "
        "where no agent is held: the stage has agent none. A rejection takes the release back where it was tried, and "
        "fails the build. Nobody is asked where the release is approved already, or where no answer could let it in.",
        hidden=("as", "comment", "reject"),
        returns=RETURNS + " Besides: approver and comment.",
    ),
    Step(
        "modelRollback",
        "rollback",
        "modelRollback(environment: 'production', to: '1.4.0', reason: 'wrong answers since noon')",
        LOCKS | UNSTABLE,
    ),
    Step(
        "modelNotify",
        "notify",
        "post {\n    failure {\n        modelNotify(webhook: 'chat', format: 'slack')\n    }\n}",
        AGENT,
        "Tell people how the build stands: what failed and why, who broke it, what runs now. What goes wrong "
        "with it is said in the log and never fails the build.",
        hidden=("of",),
        said={
            "status": "text. How the build stands, in our words or in Jenkins'. Default: as Jenkins sees it now.",
            "previous": "text. How the build before ended: tells fixed from ok; two ok are no news. Default: Jenkins'.",
            "since": "text. The last good build's commit. Default: Jenkins', else the last release's.",
            "environment": "text, or a list of them. Say what runs there now. Default: that of the step that failed.",
        },
        returns="A map: the result document, or status and summary where nothing could be sent.",
    ),
    Step(
        "modelPipeline",
        None,
        "@Library('model-devops') _\n"
        "modelPipeline(node: 'gpu', build: [params: [epochs: 20]], notify: [webhook: 'chat', format: 'slack'])",
        {
            "check, build, test, approve, deploy": "map, closure or false. That stage's further arguments; or work of "
            "your own, which is given the standard work as a closure; or no such stage.",
            "notify": "map or false. Arguments of modelNotify, which is called when the build fails and when it works "
            "again. Default: nobody is told.",
            "environments": "list or map. The environments to deploy to, in their order; or further arguments, or a "
            "closure, for some. Default: all of model.yaml; a pre-release goes only where model.yaml lets it.",
            "file": "text. The model's model.yaml. Default: model.yaml.",
            "store": "text. Where releases lie: a folder.",
        }
        | {"node": "text. Label of the agents to take. Default: any."}
        | {"checkout": AGENT["checkout"]},
        "The whole flow: check, build, test, and for each environment of model.yaml approval (where its policy asks "
        "for one) and rollout. Takes agents by itself, none while a person decides: it stands outside any node.",
        returns="The map of the last step that ran.",
    ),
]


def text_page(step: Step) -> str:
    """vars/STEP.txt."""
    parts = [f"{step.name}: {_about(step)}", _list("Arguments, by name", _arguments(step))]
    if step.own and step.verb:
        parts.append(_list("Arguments of the step itself", step.own))
    parts += [
        _list("Credentials, each the ID of one of that kind, bound only while the command line runs", CREDENTIALS),
        f"Returns\n{step.returns}",
        _list("Environment values that it leaves", VALUES),
        _list("Result of the build, by exit code of the command line", RESULTS),
        f"Example\n{step.example}",
    ]
    return "\n\n".join(parts) + "\n"


def markdown_page() -> str:
    """docs/steps.md."""
    parts = ["# Steps\n\nWhat each step takes; how they work together is in [jenkins.md](jenkins.md). Generated by "
             "`tools/generate_docs.py`."]  # fmt: skip
    for step in STEPS:
        rows = _arguments(step) | (step.own if step.verb else {})
        parts.append(f"## {step.name}\n{_about(step)}\n\n{_table('argument', rows)}\n\n{step.returns}\n\n"
                     f"```groovy\n{step.example}\n```")  # fmt: skip
    parts.append("## Credentials\nEvery step takes them by their ID.\n\n" + _table("argument", CREDENTIALS))
    parts.append("## What a step leaves\n" + _table("environment value", VALUES))
    parts.append("## Result of the build\n" + _table("exit code", RESULTS))
    return "\n\n".join(parts) + "\n"


def kinds() -> str:
    """resources/org/modeldevops/arguments.json: what each argument takes, for modelPipeline to check at its start."""
    found = {
        step.name: {name: _spoken(re.split(r"\. |, required", text)[0]) for name, text in _arguments(step).items()}
        for step in STEPS
        if step.verb
    }
    return json.dumps(found, indent=2) + "\n"


def _spoken(kind: str) -> str:
    return f"a {kind}" if kind.startswith(("text", "map")) else kind


def _about(step: Step) -> str:
    return step.about or " ".join((_command(step).help or "").split())


def _command(step: Step) -> click.Command:
    command = importlib.import_module(f"model_devops.cli.{step.verb}").command
    assert isinstance(command, click.Command)
    return command


def _arguments(step: Step) -> dict[str, str]:
    if step.verb is None:
        return step.own
    found = {}
    for parameter in _command(step).params:
        name = _camel(_public(parameter))
        if name not in step.hidden:
            found[step.renamed.get(name, name)] = step.said.get(name) or _described(parameter)
    return found


def _described(parameter: click.Parameter) -> str:
    help_ = " ".join((getattr(parameter, "help", None) or "").split())
    if isinstance(parameter, click.Argument):
        return "text, required. An environment of model.yaml."
    if parameter.required:
        help_ = f"Required. {help_}"
    default = "" if "efault" in help_ or not isinstance(parameter.default, str) else f" Default: {parameter.default}."
    if parameter.name == "file":
        default = " Default: model.yaml."
    help_ = re.sub(r" *\[default: (.*)]", r" Default: \1.", help_.replace("--", ""))
    return f"{_kind(parameter)}. {help_}{default}"


def _kind(parameter: click.Parameter) -> str:
    if getattr(parameter, "is_flag", False):
        return "true or false"
    if isinstance(parameter.type, click.Choice):
        return "one of " + ", ".join(map(str, parameter.type.choices))
    if getattr(parameter, "multiple", False):
        return "map" if "=" in (parameter.metavar or "") else "text, or a list of them"
    return "text"


def _list(title: str, rows: dict[str, str]) -> str:
    return "\n".join([title, *(f"- {name}: {text}" for name, text in rows.items())])


def _table(head: str, rows: dict[str, str]) -> str:
    def code(name: str) -> str:
        return ", ".join(f"`{part}`" for part in name.split(", ")) if " " not in name.replace(", ", "") else name

    lines = [f"| {head} | meaning |", "| --- | --- |", *(f"| {code(name)} | {text} |" for name, text in rows.items())]
    return "\n".join(lines)

"""The administrator's further policy (P3): one fixed path outside every repository; it only tightens.

No variable and no option names another path: whoever may set those could escape it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from model_devops.config.types import Approval, Environment, Key, Level
from model_devops.errors import Problem, UsageError

PATH = Path("/etc/model-devops/policy.yaml")

_Requirement = Annotated[str, Meta(pattern=r"^(tested|deployed:[a-z0-9-]+)$", description="`tested`, `deployed:E`.")]
_EnvironmentName = Annotated[
    str, Meta(pattern=r"^(\*|[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?)$", description="A name or *.")
]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is demanded further; nothing here can take a demand of model.yaml away."""

    requires: list[_Requirement] = field(default_factory=list)
    approval: bool | Approval = False
    prereleases: bool = True
    """False: takes no pre-releases, whatever model.yaml says."""
    proof: list[Level] = field(default_factory=list)
    signed_by: list[Key] = field(default_factory=list)
    """Asked beside the list of model.yaml: a statement's key must be in both."""


class Further(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: rules by the environment's name, or `*` for all."""

    environments: dict[_EnvironmentName, Rule]


def rules_for(environment: str) -> list[Rule]:
    """The rules that hold for an environment. A file that is there and can't be read stops everything (2)."""
    try:
        data = PATH.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(
            f"the administrator's policy {PATH} can't be read: {error.strerror or error}",
            kind="admin-policy",
            hint="ask the administrator to make it readable for this user: without it nothing is taken",
        ) from error
    environments = _read(data).environments
    return [_with_keys(environments[name]) for name in ("*", environment) if name in environments]


def _with_keys(rule: Rule) -> Rule:
    """The rule with the text of its keys. Their files lie beside this one."""
    from model_devops.policy.trust import texts, with_persons

    where = f"the administrator's policy {PATH}"
    return msgspec.structs.replace(
        rule,
        signed_by=texts(rule.signed_by, _key_file, where),
        approval=with_persons(rule.approval, _key_file, where),
    )


def _key_file(path: str) -> bytes | None:
    try:
        return (PATH.parent / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{PATH.parent / path} can't be read: {error.strerror}", kind="admin-policy") from error


def tighten(environment: Environment, rules: list[Rule]) -> Environment:
    """The block with what the rules demand further. Their approvals are asked one by one (see Policy.approvals)."""
    return msgspec.structs.replace(
        environment,
        requires=_union([environment.requires, *(rule.requires for rule in rules)]),
        proof=_union([environment.proof, *(rule.proof for rule in rules)]),
        prereleases=environment.prereleases and all(rule.prereleases for rule in rules),
    )


def _union(lists: list[Any]) -> list[Any]:
    return list(dict.fromkeys(item for items in lists for item in items))


def _read(data: bytes) -> Further:
    from model_devops.config.compose import Malformed, compose
    from model_devops.config.places import Places
    from model_devops.config.shape import TooMany, Walker

    walker = Walker(Places(str(PATH)))
    walker.schema = msgspec.json.schema(Further)
    document: Any = None
    try:
        document = walker.document(compose(data))
    except Malformed as error:
        raise _refused([error.problem(str(PATH))]) from error
    except TooMany:
        pass
    if walker.problems:
        raise _refused(walker.problems)
    return msgspec.convert(document, Further)


def _refused(problems: list[Problem]) -> UsageError:
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return UsageError(f"the administrator's policy {PATH} has {count}", kind="admin-policy", problems=problems)

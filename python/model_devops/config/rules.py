"""What no type can say of a model.yaml: how its parts fit together.

All functions work on the plain document, in which a value with a problem of its own is None (config/shape.py).
They say nothing more about such a value, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from model_devops.adapters.registry.address import SCHEME, parse
from model_devops.config import job_rules, package_rules, path_rules, target_rules, verify_rules
from model_devops.config.durations import seconds
from model_devops.config.places import Places, near
from model_devops.errors import Problem, UsageError

#: NAME-ENVIRONMENT is a DNS label, with room for what Kubernetes adds (D11).
LONGEST_NAME = 52
#: The rules compare environments with each other.
MOST_ENVIRONMENTS = 250
CONDITIONS = ("min", "max", "max_drop", "max_rise")
_EVERYWHERE = ("0.0.0.0", "::")
_LOOPBACK = ("localhost", "127.0.0.1")
#: Set by this program for the team's commands (T1).
_OURS = ("HOST", "PORT")


def problems(document: dict[str, Any], places: Places, most: int) -> list[Problem]:
    """The problems between the parts of a document, at most so many."""
    if len(document.get("environments") or {}) > MOST_ENVIRONMENTS:
        return [places.problem(f"there are more than {MOST_ENVIRONMENTS}", "environments")]
    elsewhere = (
        job_rules.problems,
        package_rules.problems,
        path_rules.problems,
        target_rules.problems,
        verify_rules.problems,
    )
    rules = (_gates, _names, _cycles, _tests, _environments, _keys, _addresses, _variables, _durations, _settings)
    found = chain.from_iterable(rule(document, places) for rule in (*rules, *elsewhere))
    return list(islice(found, most))


def _blocks(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The environments by name; one with a problem of its own is empty."""
    return {name: block or {} for name, block in (document.get("environments") or {}).items()}


def _gates(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    test = document.get("test") or {}
    for metric, gate in (test.get("gates") or {}).items():
        if gate is None:
            continue
        at = ("test", "gates", metric)
        relative = [key for key in ("max_drop", "max_rise") if key in gate]
        if not any(key in gate for key in CONDITIONS):
            yield places.problem("this gate has no condition", *at, allowed=CONDITIONS)
        if gate.get("min") is not None and gate.get("max") is not None and gate["min"] > gate["max"]:
            yield places.problem(f"min {gate['min']} is above max {gate['max']}", *at, "min")
        if relative and "baseline" not in gate and "baseline" not in test:
            hint = "name an environment: `baseline: production` under test, or on the gate"
            yield places.problem(f"{relative[0]} has nothing to compare with", *at, relative[0], hint=hint)
        if "baseline" in gate and not relative:
            hint = "add max_drop or max_rise, or leave it out"
            yield places.problem("a baseline has no effect on this gate", *at, "baseline", hint=hint)


def _names(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Everything that names an environment names one that there is."""
    known = list(_blocks(document))
    if "environments" in document and document["environments"] is None:
        return
    for keys, name in _references(document):
        if name not in known:
            hint = near(name, known) or (None if known else "there are no environments in this file")
            yield places.problem(f"there is no environment {name}", *keys, allowed=tuple(sorted(known)), hint=hint)


def _references(document: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    test = document.get("test") or {}
    if test.get("baseline"):
        yield ("test", "baseline"), test["baseline"]
    for metric, gate in (test.get("gates") or {}).items():
        if gate and gate.get("baseline"):
            yield ("test", "gates", metric, "baseline"), gate["baseline"]
    for name in _blocks(document):
        yield from _waits_for(document, name)


def _waits_for(document: dict[str, Any], name: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The environments in which a release must have run before this one takes it, and where that is written."""
    block = _blocks(document).get(name, {})
    for index, condition in enumerate(block.get("requires") or []):
        if condition and condition.startswith("deployed:"):
            yield (("environments", name, "requires", index), condition.removeprefix("deployed:"))
    approval = block.get("approval")
    if isinstance(approval, dict) and approval.get("after"):
        yield ("environments", name, "approval", "after"), approval["after"]


def _cycles(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Environments that wait for each other never take anything."""
    for name in _blocks(document):
        for keys, first in _waits_for(document, name):
            if name in _reachable(document, first):
                yield places.problem(
                    f"{name} waits for {first}, which waits for {name}: neither takes a release", *keys
                )


def _reachable(document: dict[str, Any], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [other for _, other in _waits_for(document, name)]
    return seen


def _tests(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    test = document.get("test")
    if test and test.get("run") == []:
        yield places.problem("no command measures the release", "test", "run")
    train = document.get("train")
    at = ("train", "run") if isinstance(train, dict) else ("train",)
    if [] in (train, train.get("run") if isinstance(train, dict) else None):
        yield places.problem("no command makes the model", *at, hint="leave the key `train` out if nothing trains it")
    for name, block in _blocks(document).items():
        for index, condition in enumerate(block.get("requires") or []):
            if condition == "tested" and "test" not in document:
                hint = "write a `test` block, or leave the condition out"
                yield places.problem("nothing tests a release here", "environments", name, "requires", index, hint=hint)


def _environments(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    serve = document.get("serve")
    if _blocks(document) and "serve" not in document:
        hint = "write a `serve` block with a command"
        yield places.problem("an environment runs the serve command, and there is none", "environments", hint=hint)
    for name, block in _blocks(document).items():
        both = f"{document.get('name') or ''}-{name}"
        if len(both) > LONGEST_NAME:
            message = f"{both} is longer than {LONGEST_NAME} characters (NAME-ENVIRONMENT)"
            yield places.problem(message, "environments", name)
        for index, level in enumerate(block.get("proof") or []):
            at = ("environments", name, "proof", index)
            if level == "reported" and serve is not None and "digest" not in serve:
                hint = "write `digest: /model` under serve"
                yield places.problem("nothing says where the server reports its digest", *at, hint=hint)


def _keys(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Public keys, as text or by file. Whether they are any is asked where the policy is read (P1)."""
    for name, block in _blocks(document).items():
        at: tuple[str, ...] = ("environments", name)
        approval = block.get("approval")
        persons = (approval.get("keys") or {}) if isinstance(approval, dict) else {}
        listed = [((*at, "signed_by", index), key) for index, key in enumerate(block.get("signed_by") or [])]
        for where, key in [*listed, *(((*at, "approval", "keys", who), key) for who, key in persons.items())]:
            if key is not None and (message := path_rules.wrong_key(key)):
                hint = "`model-devops key show PRIVATE-KEY > FILE` writes the public one"
                yield places.problem(message, *where, hint=hint)


def _addresses(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Two environments of one address would stop each other (D11)."""
    taken: list[tuple[str, int, str]] = []
    for name, block in _blocks(document).items():
        if block.get("target") != "local":  # an object's name has the environment's in it
            continue
        port, host = block.get("port"), block.get("host", _LOOPBACK[1])
        if host is not None and not (host and host.isprintable() and not set(host) & set(" /[]")):
            hint = "an IPv6 address is written without brackets, as '::1'"
            yield places.problem("is no host name or address", "environments", name, "host", hint=hint)
        elif port is not None and host is not None:
            host = _LOOPBACK[1] if host.lower() in _LOOPBACK else host.lower()
            for other, other_port, other_host in taken:
                if port == other_port and (host == other_host or {host, other_host} & set(_EVERYWHERE)):
                    message = f"{name} and {other} have one address ({host}:{port})"
                    yield places.problem(message, "environments", name, "port", hint="give each its own port (D11)")
            taken.append((name, port, host))


def _variables(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    blocks = [(("environments", name, "env"), block.get("env")) for name, block in _blocks(document).items()]
    for keys, variables in [(("serve", "env"), (document.get("serve") or {}).get("env")), *blocks]:
        for name in variables or {}:
            if name in _OURS or name.startswith("MODEL_DEVOPS_"):
                yield places.problem("this variable is set by model-devops", *keys, name)
            elif not (name.isascii() and name.isidentifier()):
                yield places.problem("is no name of a variable: letters, digits and _", *keys, name)


def _durations(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    serve = ("serve",)
    durations = [(("test",), "timeout", False), (serve, "start_timeout", False), (serve, "stop_timeout", True)]
    approvals = [(("environments", name, "approval"), "expires", False) for name in _blocks(document)]
    for keys, key, may_be_zero in [*durations, *approvals]:
        block: Any = document
        for part in keys:
            block = (block or {}).get(part)
        text = block.get(key) if isinstance(block, dict) else None
        if text is None:
            continue
        try:
            if not seconds(text) and not may_be_zero:
                yield places.problem("must be longer than nothing", *keys, key)
        except UsageError as error:
            yield places.problem(error.message, *keys, key)


def _store(store: str, places: Places, *keys: str) -> Iterator[Problem]:
    """A folder, or the address of a registry (S1)."""
    if store.startswith(SCHEME):
        try:
            parse(store)
        except UsageError as error:
            yield places.problem(error.message, *keys, hint=error.hint)
    elif not store.strip() or "://" in store:
        hint = "leave it out for the user's data folder (S1)"
        yield places.problem("a store is a folder, or oci://HOST/PATH in a registry", *keys, hint=hint)


def _settings(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    store, branch = document.get("store"), document.get("release_branch")
    if store is not None:
        yield from _store(store, places, "store")
    for environment, block in _blocks(document).items():
        if block.get("store") is not None:
            yield from _store(block["store"], places, "environments", environment, "store")
    if branch is not None and not _branch_name(branch):
        hint = f"write {branch.removeprefix('refs/heads/')}" if branch.startswith("refs/heads/") else None
        yield places.problem("is no name of a branch", "release_branch", hint=hint)
    signature = document.get("signature") or {}
    for side in ("inputs", "outputs"):
        names: set[str | None] = set()
        for index, tensor in enumerate(signature.get(side) or []):
            name = (tensor or {}).get("name")
            if name is not None and name in names:
                yield places.problem(f"{name} stands here twice", "signature", side, index, "name")
            names.add(name)


def _branch_name(name: str) -> bool:
    """As `git check-ref-format --branch` has it."""
    wrong = any(part in name for part in ("..", "@{", "//", "\\")) or any(char in " ~^:?*[\n\t" for char in name)
    parts = name.split("/")
    ends = any(part.startswith(".") or part.endswith((".lock", ".")) or not part for part in parts)
    return not (wrong or ends or name.startswith(("-", "refs/")) or name == "@")

"""A job's XML: what we want in it, and how that goes into a job that others have changed.

Only what we write is compared and changed; triggers, retention, further parameters and the attributes that Jenkins
adds stay as they are.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_devops.adapters.templates import render
from model_devops.errors import RefusedError, UsageError

#: By this in its description a job is ours; what people write around it stays.
MARK = "[model-devops: {what} of {model}]"
_MARK = re.compile(r"\[model-devops: [a-z]+ of [^\]]+\]")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
PARAMETERS, NAMED = "hudson.model.ParametersDefinitionProperty", "parameterDefinitions"
_WORDS = {
    "environment": "The environment to return to an earlier release.",
    "version": "What was verified where: choose one of that environment. Empty: its newest that nothing speaks "
    "against. Each run renews this list.",
    "reason": "Why; kept as evidence.",
    "dry_run": "Only say where it would go.",
}


@dataclass(frozen=True)
class Source:
    """Where Jenkins finds the pipeline. `credentials` is the ID of credentials that Jenkins has."""

    repository: str
    branch: str
    jenkinsfile: str
    credentials: str | None = None


def pipeline(model: str, source: Source, parameters: Mapping[str, str]) -> str:
    """The job that runs the model's Jenkinsfile. Its parameters stand in the job, so that its first build has them."""
    return _render("pipeline.xml.j2", description=_mark("pipeline", model), source=source, parameters=parameters)


def rollback(model: str, source: Source, file: str, environments: Sequence[str], library: str, agent: str) -> str:
    """The job that returns an environment to an earlier release; `file` is model.yaml's path in the repository."""
    values = {"model": model, "source": source, "file": file, "environments": environments, "words": _WORDS}
    script = _render("rollback.groovy.j2", **values, library=library, agent=agent)
    return _render("rollback.xml.j2", **values, description=_mark("rollback", model), script=script)


def merged(current: str | None, wanted: str, job: str, *, adopt: bool) -> tuple[str, list[str]]:
    """The job's XML with what we want in it, and what changes, in words; none if it is all there.

    Raises RefusedError for a job that isn't ours, unless it is to be adopted.
    """
    ours = _parse(wanted, job)
    if current is None:
        return _text(ours), [f"{job}: new"]
    theirs = _parse(current, job)
    _refuse_foreign(theirs, ours, job, adopt)
    before = copy.deepcopy(theirs)
    changes: list[str] = []
    _merge(theirs, ours, job, changes)
    return (_text(theirs), changes) if changes else (_text(before), [])


#: The XML of a folder.
FOLDER = "<com.cloudbees.hudson.plugins.folder.Folder/>"


def _mark(what: str, model: str) -> str:
    return MARK.format(what=what, model=model)


def _parse(text: str, job: str) -> ET.Element:
    try:
        return ET.fromstring(_DECLARATION.sub("", text, count=1))  # Jenkins writes XML 1.1, which expat refuses
    except ET.ParseError as error:
        raise UsageError(f"the configuration of {job} can't be read: {error}", kind="job-xml") from None


def _text(root: ET.Element) -> str:
    return "<?xml version='1.1' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode") + "\n"


def _refuse_foreign(theirs: ET.Element, ours: ET.Element, job: str, adopt: bool) -> None:
    if theirs.tag != ours.tag:
        raise RefusedError(
            f"{job} is no pipeline job but a {theirs.tag}", kind="foreign-job", hint="choose another name"
        )
    found = _MARK.search(theirs.findtext("description") or "")
    wanted = ours.findtext("description")
    if found is not None and found[0] != wanted:
        raise RefusedError(f"{job} is the job {found[0]}", kind="foreign-job", hint="choose another name")
    if found is None and not adopt:
        hint = "choose another name, or --adopt it: its definition is then replaced, everything else stays"
        raise RefusedError(f"there is a job {job} that isn't ours", kind="foreign-job", hint=hint)


def _merge(theirs: ET.Element, ours: ET.Element, path: str, changes: list[str]) -> None:
    """Bring what `ours` says into `theirs`, and note each change."""
    for child in ours:
        where = f"{path}/{_name(child)}"
        found = _counterpart(theirs, child, ours.tag == NAMED)
        if found is None:
            theirs.append(copy.deepcopy(child))
            changes.append(f"{where}: new")
        elif child.tag == "description" and _MARK.search(child.text or ""):
            _describe(found, child, where, changes)
        elif found.get("class") != child.get("class") or found.tag != child.tag:
            theirs[list(theirs).index(found)] = copy.deepcopy(child)
            changes.append(f"{where}: replaced")
        elif child.tag != "choices" or not _is_renewed(ours):
            _merge_value(found, child, where, changes)


def _merge_value(theirs: ET.Element, ours: ET.Element, where: str, changes: list[str]) -> None:
    if ours.tag == "a":  # a list of choices is one value
        if [item.text or "" for item in theirs] != [item.text or "" for item in ours]:
            theirs[:] = [copy.deepcopy(item) for item in ours]
            changes.append(f"{where}: {', '.join(item.text or '' for item in ours)}")
    elif len(ours):
        _merge(theirs, ours, where, changes)
    elif (theirs.text or "").strip() != (ours.text or "").strip():
        changes.append(f"{where}: {_short(theirs.text)} → {_short(ours.text)}")
        theirs.text = ours.text


def _describe(theirs: ET.Element, ours: ET.Element, where: str, changes: list[str]) -> None:
    """Add our mark to the description that is there."""
    if (ours.text or "") not in (theirs.text or ""):
        theirs.text = "\n".join(filter(None, [theirs.text, ours.text]))
        changes.append(f"{where}: {ours.text}")


def _counterpart(theirs: ET.Element, child: ET.Element, by_name: bool) -> ET.Element | None:
    """The same element on the other side: of parameters the one of that name, else the first with that tag."""
    if by_name:
        return next((item for item in theirs if item.findtext("name") == child.findtext("name")), None)
    return theirs.find(child.tag)


def _is_renewed(parameter: ET.Element) -> bool:
    """Whether the job's own runs keep this parameter's choices."""
    return parameter.findtext("name") == "version"


def _name(element: ET.Element) -> str:
    return (element.findtext("name") if element.tag.endswith("ParameterDefinition") else None) or element.tag


def _short(text: str | None) -> str:
    words = " ".join((text or "").split())
    return "nothing" if not words else words if len(words) <= 60 else f"{words[:59]}…"


def _render(template: str, **values: object) -> str:
    return render(Path(__file__).parent / "templates" / template, {"groovy": groovy}, values)


def groovy(text: str) -> str:
    """Text as a Groovy string in which nothing is replaced."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + "'"

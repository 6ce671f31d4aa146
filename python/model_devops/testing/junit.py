"""The test's report as JUnit XML: each command and each gate is a test case, then the team's own suites."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

#: The team's own file may have this size at most (bytes).
LIMIT = 32 << 20
#: What XML 1.0 can't hold, escaped or not.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OUTPUT = 8000


@dataclass(frozen=True)
class Case:
    """One test case. `failure` and `skipped` hold the message, where it is so."""

    name: str
    failure: str | None = None
    skipped: str | None = None
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Suite:
    """A named list of cases."""

    name: str
    cases: list[Case] = field(default_factory=list)


def dumps(name: str, suites: list[Suite], more: list[Element] | None = None) -> bytes:
    """Valid XML for any text in the cases. `more` are suites read from the team's own file."""
    root = Element("testsuites", name=clean(name))
    for suite in suites:
        if suite.cases:
            root.append(_suite(name, suite))
    root.extend(more or [])
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def read(path: Path) -> list[Element]:
    """The suites of a JUnit file that the team's run wrote. Raises ValueError saying what is wrong with it."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise ValueError(f"the run wrote no {path.name}") from None
    if not stat.S_ISREG(found.st_mode) or found.st_size > LIMIT:
        raise ValueError(f"{path.name} is no regular file of at most {LIMIT >> 20} MiB")
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"\x00" in data:  # entities can be declared in a DOCTYPE only
        raise ValueError(f"{path.name} has a DOCTYPE or is not UTF-8, which a JUnit file has no need to")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path.name} is not XML: {error}") from None
    suites = [root] if root.tag == "testsuite" else [child for child in root if child.tag == "testsuite"]
    if root.tag not in ("testsuite", "testsuites"):
        raise ValueError(f"{path.name} holds <{root.tag[:40]}>, not <testsuites>")
    return suites


def clean(text: str) -> str:
    """The text with U+FFFD for what XML can't hold."""
    return _UNWRITABLE.sub("�", text)


def _suite(name: str, suite: Suite) -> Element:
    failed = [case for case in suite.cases if case.failure is not None]
    skipped = [case for case in suite.cases if case.skipped is not None]
    element = Element(
        "testsuite",
        name=clean(suite.name),
        tests=str(len(suite.cases)),
        failures=str(len(failed)),
        errors="0",
        skipped=str(len(skipped)),
        time=f"{sum(case.seconds for case in suite.cases):.3f}",
    )
    for case in suite.cases:
        element.append(_case(f"{name}.{suite.name}", case))
    return element


def _case(group: str, case: Case) -> Element:
    element = Element("testcase", classname=clean(group), name=clean(case.name), time=f"{case.seconds:.3f}")
    if case.failure is not None:
        SubElement(element, "failure", message=clean(case.failure)).text = clean(case.failure)
    if case.skipped is not None:
        SubElement(element, "skipped", message=clean(case.skipped))
    if case.output:
        SubElement(element, "system-out").text = clean(case.output[-_OUTPUT:])
    return element

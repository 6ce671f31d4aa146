"""What single values of Kubernetes objects may look like, beyond their type: names, labels, ports, paths, counts.

Each function says what is wrong with a value that already has the right type, or None. Where servers are more lenient
and nobody can mean it, these are not; docs/manifests.md lists where.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from model_devops.config.places import shown
from model_devops.manifests.quantities import amount


class Wrong(NamedTuple):
    """Why a value is refused, and what to do."""

    message: str
    hint: str | None = None


Limit = Callable[[Any], Wrong | None]
_LABEL = "lower-case letters, digits and `-`, at most 63 characters, beginning and ending with a letter or digit"
_PART = "letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit, at most 63 characters"
_DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_ENV = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_PERCENT = re.compile(r"[0-9]{1,9}%")


def label(value: str) -> Wrong | None:
    """A DNS label (RFC 1123)."""
    return None if _DNS.fullmatch(value) and len(value) <= 63 else _said(value, "name", _LABEL)


def service_name(value: str) -> Wrong | None:
    """A DNS label that begins with a letter (RFC 1035)."""
    fits = _DNS_1035.fullmatch(value) and len(value) <= 63
    return None if fits else _said(value, "name", _LABEL.replace("beginning", "beginning with a letter"))


def subdomain(value: str) -> Wrong | None:
    """A DNS name: labels separated by dots, without their limit of 63."""
    if len(value) <= 253 and all(_DNS.fullmatch(part) for part in value.split(".")):
        return None
    return _said(value, "name", f"parts, separated by `.`, of {_LABEL.replace(', at most 63 characters', '')}")


def path_part(value: str) -> Wrong | None:
    """A name that only has to fit into a URL's path."""
    fits = value and value not in (".", "..") and "/" not in value and "%" not in value
    return None if fits else _said(value, "name", "anything without `/` and `%`, but not `.` or `..`")


def qualified(value: str) -> Wrong | None:
    """The key of a label or annotation: a name, perhaps after a DNS name and a slash."""
    prefix, slash, name = value.rpartition("/")
    if len(name) <= 63 and _QUALIFIED.fullmatch(name) and not (slash and subdomain(prefix)):
        return None
    return _said(value, "key", f"a name of {_PART}; before it, if anything, a DNS name and `/`")


def label_value(value: str) -> Wrong | None:
    """The value of a label."""
    fits = not value or (len(value) <= 63 and _QUALIFIED.fullmatch(value))
    return None if fits else _said(value, "value of a label", f"{_PART}, or nothing")


def config_key(value: str) -> Wrong | None:
    """A key in the data of a ConfigMap or Secret, which becomes a file's name."""
    fits = _KEY.fullmatch(value) and value != "." and not value.startswith("..")
    return None if fits else _said(value, "key", "letters, digits, `-`, `_` and `.`, at most 253 characters")


def variable(value: str) -> Wrong | None:
    """The name of an environment variable that every shell can read, and every version takes."""
    fits = _ENV.fullmatch(value)
    return None if fits else _said(value, "variable", "letters, digits, `_`, `-` and `.`, not beginning with a digit")


def port_name(value: str) -> Wrong | None:
    """The name of a port (RFC 6335)."""
    allowed = "at most 15 lower-case letters, digits and single `-`, with at least one letter"
    return None if _PORT_NAME.fullmatch(value) else _said(value, "name of a port", allowed)


def port(value: int | str) -> Wrong | None:
    """A port by number or name."""
    if isinstance(value, int):
        return between(1, 65535)(value)
    if value.isdecimal():
        return Wrong(f"{shown(value)!r} in quotes is the name of a port", f"write {shown(value)} without quotes")
    return port_name(value)


def count(value: int | str) -> Wrong | None:
    """How many, as a number or in percent."""
    if _PERCENT.fullmatch(value) if isinstance(value, str) else value >= 0:
        return None
    return Wrong(f"{shown(str(value))!r} is not allowed", "write a whole number from 0, or percent: 1 or 25%")


def share(value: int | str) -> Wrong | None:
    """As `count`, with no more than all."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        return Wrong(f"{value} is more than all", "write at most 100%")
    return count(value)


def given(value: str) -> Wrong | None:
    """Text that is neither empty nor has blanks around it."""
    if not value.strip():
        return Wrong("is empty")
    return None if value == value.strip() else Wrong("begins or ends with a blank")


def mount_path(value: str) -> Wrong | None:
    """Where a volume is mounted."""
    return given(value) or (Wrong("must not hold `:`") if ":" in value else None)


def descending(value: str) -> Wrong | None:
    """A path that stays in what it is relative to."""
    if value.startswith("/") or ".." in value.split("/"):
        return Wrong(f"{shown(value)!r} leaves what it is in", "write a relative path without `..`")
    return None


def schedule(value: str) -> Wrong | None:
    """Five fields of cron, or one of its short forms."""
    short = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
    fields = value.split()
    if value in short or value.startswith("@every ") or (len(fields) == 5 and all(map(_CRON.fullmatch, fields))):
        return None
    return Wrong(
        f"{shown(value)!r} is no schedule", "five fields: minute, hour, day, month, weekday, such as `0 3 * * 1`"
    )


_CRON = re.compile(r"[0-9A-Za-z*?/,-]+")


def between(low: int, high: int | None = None) -> Limit:
    """A number within limits, both included."""
    allowed = f"between {low} and {high}" if high is not None else f"at least {low}"

    def check(value: int) -> Wrong | None:
        fits = value >= low and (high is None or value <= high)
        return None if fits else Wrong(f"{value} is not allowed", f"it must be {allowed}")

    return check


def not_negative(value: Any) -> Wrong | None:
    """A quantity from 0."""
    return Wrong(f"{value} is negative") if (amount(value) or 0) < 0 else None


def positive(value: Any) -> Wrong | None:
    """A quantity above 0."""
    return None if (amount(value) or 0) > 0 else Wrong(f"{value} is not allowed", "it must be above 0")


def one_of(*names: str) -> Limit:
    """A mapping of which exactly one of these fields is written."""

    def check(value: dict[str, Any]) -> Wrong | None:
        found = [name for name in names if value.get(name) not in (None, "")]
        if len(found) == 1:
            return None
        said = f"has {' and '.join(found)}" if found else "has none of " + ", ".join(names)
        return Wrong(said, f"write exactly one of {', '.join(names)}")

    return check


def at_most_one(*other: str) -> Limit:
    """A mapping of which at most one field is written besides these."""

    def check(value: dict[str, Any]) -> Wrong | None:
        found = [str(name) for name in value if name not in other and value[name] is not None]
        return Wrong(f"has {' and '.join(map(shown, found))}", "write one of them") if len(found) > 1 else None

    return check


def _said(value: str, what: str, allowed: str) -> Wrong:
    return Wrong(f"{shown(value)!r} is no valid {what}", f"allowed are {allowed}")

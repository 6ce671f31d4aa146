"""Label selectors: which labels one takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from model_devops.errors import Problem
from model_devops.manifests.parts import Part

_NEEDS_VALUES = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}


def takes(selector: Part, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector takes these labels. What is wrong in it is passed over."""
    wanted = all(labels.get(key) == value.value for key, value in selector.pairs("matchLabels"))
    return wanted and all(_holds(one, labels) for one in selector.each("matchExpressions"))


def _holds(expression: Part, labels: Mapping[str, str]) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    if key is None:
        return True
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(expression.get("operator"), True)


def empty(selector: Part) -> bool:
    """Whether it asks for nothing, so that it takes everything."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def expressions(selector: Part) -> Iterator[Problem]:
    """All that is wrong with the expressions of a LabelSelector."""
    for expression in selector.each("matchExpressions"):
        operator = expression.get("operator")
        needs = _NEEDS_VALUES.get(operator)
        if needs is None and operator is not None:
            yield expression.problem(f"{operator} is not allowed", "operator", allowed=_NEEDS_VALUES)
        elif needs is not None and needs != bool(expression.get("values")):
            yield expression.problem(f"must be {'given' if needs else 'left out'} with {operator}", "values")

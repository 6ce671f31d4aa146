"""Who imports whom (docs/architecture.md): no circle between modules, and nothing below imports what is above.

Imports inside functions count, since a circle is one wherever it is written; those for type checkers alone don't.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import model_devops

PACKAGE = Path(model_devops.__file__).parent
#: For all: they know nothing of the rest.
SHARED = {"", "errors", "faults", "notices", "progress"}
ENTRY = "__main__"


def modules(package: Path) -> dict[str, Path]:
    """All modules by their dotted name below the package, which is `` itself."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a module that happen, wherever they are written."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        yield from statements(child)


def imported(path: Path, known: dict[str, Path], name: str) -> set[str]:
    """The modules of `known` that a file imports; `name` is the package's."""
    found = set()
    for statement in statements(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.Import):
            targets = [alias.name for alias in statement.names]
        else:
            assert statement.level == 0, f"{path}: absolute imports only"
            targets = [f"{statement.module}.{alias.name}" for alias in statement.names] + [str(statement.module)]
        found |= {target.removeprefix(name).removeprefix(".") for target in targets if target.split(".")[0] == name}
    return {target for target in found if target in known and target}


def graph(package: Path) -> dict[str, set[str]]:
    known = modules(package)
    return {name: imported(path, known, package.name) for name, path in known.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One circle as the way round it, or nothing: what has no way out is taken away until only circles are left."""
    left = {name: set(targets) for name, targets in edges.items()}
    while ends := {name for name, targets in left.items() if not targets}:
        left = {name: targets - ends for name, targets in left.items() if name not in ends}
    way = [min(left)] if left else []
    while way and way[-1] not in way[:-1]:
        way.append(min(left[way[-1]]))
    return way[way.index(way[-1]) :] if way else []


def layer(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def test_there_is_no_circle_between_modules() -> None:
    assert circle(graph(PACKAGE)) == []


def test_nothing_but_the_entry_imports_the_command_line() -> None:
    wrong = {
        f"{name} imports {target}"
        for name, targets in graph(PACKAGE).items()
        for target in targets
        if layer(target) == "cli" and layer(name) not in ("cli", ENTRY)
    }
    assert wrong == set()


def test_the_outside_knows_nothing_of_the_domain() -> None:
    wrong = {
        f"{name} imports {target}"
        for name, targets in graph(PACKAGE).items()
        for target in targets
        if layer(name) in {"adapters", *SHARED} and layer(target) not in {"adapters", *SHARED}
    }
    assert wrong == set()


def test_a_circle_is_found_wherever_its_imports_are_written(tmp_path: Path) -> None:
    package = tmp_path / "some"
    (package / "below").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "below" / "__init__.py").touch()
    (package / "first.py").write_text(
        "def call():\n    try:\n        from some.below import second\n    finally: pass\n"
    )
    (package / "below" / "second.py").write_text("import some.third\n")
    (package / "third.py").write_text("class C:\n    def m(self):\n        from some.first import call\n")
    (package / "fourth.py").write_text("from some.first import call\n")
    assert circle(graph(package)) == ["below.second", "third", "first", "below.second"]
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from some.first import call\n"
    (package / "third.py").write_text(typed)
    assert circle(graph(package)) == []

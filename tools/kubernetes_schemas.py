"""Writes what `model_devops.manifests` knows of Kubernetes' objects, from Kubernetes' own Go modules (Apache-2.0).

`python tools/kubernetes_schemas.py` downloads the modules (through Go, 30 MB each) and writes schemas.json.gz into the
package. `--standalone FOLDER` writes JSON Schemas of the same definitions instead, as kubeconform reads them.

From a module come api/openapi-spec/swagger.json (definitions, and from its paths which kinds can be made and whether
they lie in a namespace) and the lists of allowed values of pkg/generated/openapi, which swagger.json leaves out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_devops.manifests.schemas import kinds

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = ROOT / "python" / "model_devops" / "manifests" / "schemas.json.gz"
#: The newest patch of each version that there was when the file was written.
MODULES = {
    "1.31": "v1.31.14",
    "1.32": "v1.32.13",
    "1.33": "v1.33.13",
    "1.34": "v1.34.4",
    "1.35": "v1.35.4",
    "1.36": "v1.36.3",
    "1.37": "v1.37.2",
}
NOTICE = (
    "Made from the API definitions of Kubernetes (https://github.com/kubernetes/kubernetes), "
    "copyright The Kubernetes Authors, Apache License 2.0; descriptions and what no check needs are left out."
)
Schema = dict[str, Any]
_KEPT = ("type", "format", "required", "enum", "$ref")
_TURNED = {"x-kubernetes-list-type": "list", "x-kubernetes-list-map-keys": "keys"}
#: In these types other rules hold than their schema says.
_OWN = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "int-or-string"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "time"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": {"type": "time"},
}
_TYPES = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["number", "string"],
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["integer", "string"],
}
_FUNCTION = re.compile(r"^func schema_(\w+)\(.*?^}", re.M | re.S)
_PROPERTY = re.compile(r'^\t{5}"([^"]+)": \{(.*?)^\t{5}\},', re.M | re.S)
_ENUM = re.compile(r"Enum: +\[\]interface\{\}(\{.*\}),")


class Version:
    """The definitions and kinds of one version of Kubernetes."""

    def __init__(self, module: str) -> None:
        folder = _downloaded(module)
        self.swagger: dict[str, Any] = json.loads((folder / "api/openapi-spec/swagger.json").read_bytes())
        generated = (folder / "pkg/generated/openapi/zz_generated.openapi.go").read_text("utf-8")
        self.enums = {found[1]: dict(_enums(found[0])) for found in _FUNCTION.finditer(generated)}
        definitions = self.swagger["definitions"]
        self.definitions = {name: self._definition(name, schema) for name, schema in definitions.items()}
        self.kinds = dict(self._kinds())

    def reachable(self) -> dict[str, Schema]:
        """The definitions that some kind needs."""
        found: dict[str, Schema] = {}
        waiting = [kind["of"] for kind in self.kinds.values()]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self.definitions[name]
                waiting += _references(found[name])
        return found

    def _kinds(self) -> Iterator[tuple[str, Schema]]:
        """What can be created: kinds with a POST on a collection, by `apiVersion Kind`."""
        of = {_name(gvk): name for name, schema in self.swagger["definitions"].items() for gvk in _gvks(schema)}
        for path, operations in self.swagger["paths"].items():
            post = operations.get("post", {})
            if post.get("x-kubernetes-action") == "post" and not path.endswith("}") and "/{name}/" not in path:
                kind = _name(post["x-kubernetes-group-version-kind"])
                yield kind, {"of": of[kind], "namespaced": "/namespaces/{namespace}/" in path}

    def _definition(self, name: str, schema: Schema) -> Schema:
        if name in _OWN:
            return _OWN[name]
        enums = self.enums.get(name.replace("io.k8s.api.", "k8sio.api.").replace(".", "_"), {})
        short = _short(schema)
        for key, values in enums.items():
            held = short["properties"][key]
            held.get("items", held)["enum"] = values
        return short


def _downloaded(module: str) -> Path:
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{module}"]
    done = subprocess.run(command, capture_output=True, check=False, cwd="/")
    found = json.loads(done.stdout or b"{}")
    if "Dir" not in found:
        sys.exit(f"k8s.io/kubernetes@{module} can't be had: {found.get('Error') or done.stderr.decode()}")
    return Path(found["Dir"])


def _enums(function: str) -> Iterator[tuple[str, list[str]]]:
    for found in _PROPERTY.finditer(function):
        if enum := _ENUM.search(found[2]):
            yield found[1], json.loads(f"[{enum[1][1:-1]}]")


def _gvks(schema: Schema) -> list[dict[str, str]]:
    return schema.get("x-kubernetes-group-version-kind", [])


def _name(gvk: dict[str, str]) -> str:
    return f"{gvk['group']}/{gvk['version']} {gvk['kind']}".removeprefix("/")


def _short(schema: Schema) -> Schema:
    """Without descriptions and whatever no check needs."""
    found = {key: schema[key] for key in _KEPT if key in schema}
    found |= {short: schema[key] for key, short in _TURNED.items() if key in schema}
    if "properties" in schema:
        found["properties"] = {key: _short(value) for key, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            found[key] = _short(schema[key])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)


def shared(versions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Values by name and the version with which they became so; null where they went."""
    found: dict[str, dict[str, Any]] = {}
    for version, values in versions.items():
        for name in {**found, **values}:
            history = found.setdefault(name, {})
            if values.get(name) != (list(history.values()) or [None])[-1]:
                history[version] = values.get(name)
    return found


def document() -> bytes:
    """What the package carries, as JSON."""
    versions = {name: Version(module) for name, module in MODULES.items()}
    content = {
        "notice": NOTICE,
        "versions": list(versions),
        "kinds": shared({name: version.kinds for name, version in versions.items()}),
        "definitions": shared({name: version.reachable() for name, version in versions.items()}),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def standalone(version: Version) -> Iterator[tuple[str, Schema]]:
    """JSON Schemas by file name, from swagger.json alone: one of all definitions, and one of each kind."""
    definitions = {name: _json_schema(schema) for name, schema in version.swagger["definitions"].items()}
    definitions |= {name: {"type": types} for name, types in _TYPES.items()}
    yield "_definitions.json", {"definitions": definitions}
    for name, kind in version.kinds.items():
        api_version, _, called = name.partition(" ")
        group, slash, number = api_version.rpartition("/")
        suffix = f"{group.split('.')[0]}-{number}" if slash else number
        yield f"{called}-{suffix}.json".lower(), {"$ref": f"_definitions.json#/definitions/{kind['of']}"}


def _json_schema(schema: Schema) -> Schema:
    """A definition that refuses other fields, and takes null for those that need not be there."""
    found = {key: value for key, value in schema.items() if key in ("type", "required", "additionalProperties")}
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if "items" in schema:
        found["items"] = _json_schema(schema["items"])
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _json_schema(found["additionalProperties"])
    if "properties" in schema:
        inner = {key: _json_schema(value) for key, value in schema["properties"].items()}
        needed = schema.get("required", ())
        optional = {key: {"anyOf": [value, {"type": "null"}]} for key, value in inner.items() if key not in needed}
        found |= {"properties": inner | optional, "additionalProperties": False}
    return found


def stale(name: str) -> int:
    """Whether the package's file says something else of a version than the version's module, as an exit code."""
    carried, version = kinds(name), Version(MODULES[name])
    served = {kind: one._asdict() for kind, one in carried.served.items()}
    if (served, carried.definitions) == (version.kinds, version.reachable()):
        return 0
    print(f"{WRITTEN} is stale: run `python tools/kubernetes_schemas.py`", file=sys.stderr)
    return 1


def main() -> int:
    """Write the package's file or, for kubeconform, a folder of JSON Schemas; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--standalone", type=Path, metavar="FOLDER", help="write JSON Schemas there instead")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the package's file says otherwise")
    parser.add_argument("--version", choices=MODULES, default=list(MODULES)[-1], help="the version of those")
    chosen = parser.parse_args()
    if chosen.check:
        return stale(chosen.version)
    if chosen.standalone:
        chosen.standalone.mkdir(parents=True, exist_ok=True)
        for name, schema in standalone(Version(MODULES[chosen.version])):
            (chosen.standalone / name).write_text(json.dumps(schema))
        return 0
    WRITTEN.write_bytes(gzip.compress(document(), 9, mtime=0))
    print(f"{WRITTEN}: {WRITTEN.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

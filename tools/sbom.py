"""The software bill of materials, as CycloneDX: what the image runs, with hashes and licences.

CycloneDX's generator reads a lock, which knows the hashes and nothing of licences, or an
environment, which knows the licences and no hashes. Both are asked here and joined; who needs whom
the lock says in its notes. The same lock gives the same bytes: no time, no serial number.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements.txt"

SCHEMA: Final = SchemaVersion.V1_6

# The image: CPython on Linux, in the version of the base image.
_IMAGE: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
_PIN: Final = re.compile(r"([\w.-]+)(?:\[.*?\])?==[^\s;]+(?: ; ([^\\]+))?")
_NEEDED_BY: Final = re.compile(r" +# +(?:via )?(?!via$)(\S.*)")
_BASE: Final = re.compile(
    r"^ARG BASE=(?P<name>[\w./-]+):(?P<tag>(?P<python>\d+\.\d+)[\w.-]*)"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?$",
    re.MULTILINE,
)

Json: TypeAlias = dict[str, Any]
Packages: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock: whether the image has it, and what needs it (`""`: the project)."""

    is_in_image: bool
    needed_by: frozenset[str]


def bill() -> str:
    """The bill of materials as JSON. Raises ValueError where the CycloneDX schema refuses it."""
    listed = _generated("requirements", str(LOCK), "--pyproject", str(ROOT / "pyproject.toml"))
    environment = map(_normalized, _generated("environment", sys.prefix)["components"])
    installed: Packages = {component["name"]: component for component in environment}
    base = _base()
    pins = _pins(LOCK.read_text("utf-8"), base["python"])
    packages = {
        component["name"]: _package(component, installed, pins[component["name"]])
        for component in map(_normalized, listed["components"])
    }
    listed["components"] = [_base_image(base), *packages.values()]
    listed["dependencies"] = list(_dependencies(listed, packages, pins))
    text = json.dumps(listed, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if error := JsonStrictValidator(SCHEMA).validate_str(text):
        raise ValueError(str(error))
    return text


def _generated(*source: str) -> Json:
    command = [sys.executable, "-m", "cyclonedx_py", *source]
    options = ["--output-reproducible", "--no-validate", "--spec-version", SCHEMA.to_version()]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    generated: Json = json.loads(done.stdout)
    return generated


def _normalized(component: Json) -> Json:
    return {**component, "name": canonicalize_name(component["name"])}


def _pins(lock: str, python: str) -> Mapping[str, Pin]:
    image = {**_IMAGE, "python_version": python, "python_full_version": f"{python}.0"}
    pins: dict[str, tuple[bool, set[str]]] = {}
    name = ""
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            name = canonicalize_name(pin[1])
            is_in_image = pin[2] is None or Marker(pin[2].strip()).evaluate(image)
            pins[name] = (is_in_image, set())
        elif needed := _NEEDED_BY.match(line):
            by = needed[1]
            pins[name][1].add("" if by.startswith("-r ") else canonicalize_name(by))
    return {name: Pin(is_in, frozenset(by)) for name, (is_in, by) in pins.items()}


def _package(locked: Json, installed: Packages, pin: Pin) -> Json:
    """One package: the lock's word on version and hashes, its own on what it is and its licence.

    What the lock names for other systems alone is listed too, as CycloneDX's "optional": not
    installed. Of its licence nothing is known here.
    """
    known = installed.get(locked["name"], {}) if pin.is_in_image else {}
    described = {
        part: value for part, value in known.items() if part in {"description", "licenses"}
    }
    kept = {part: value for part, value in locked.items() if part != "description"}
    scope = "required" if pin.is_in_image else "optional"
    return {**kept, **described, "bom-ref": locked["purl"], "scope": scope}


def _base() -> re.Match[str]:
    found = _BASE.search((ROOT / "Dockerfile").read_text("utf-8"))
    if found is None:
        raise ValueError("the Dockerfile names no base image as `ARG BASE=name:tag`")
    return found


def _base_image(base: re.Match[str]) -> Json:
    """The image that ours is built on, as one: what is in it, its own bill says."""
    name, tag, digest = base["name"], base["tag"], base["digest"]
    hashes = {"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}
    return {
        "bom-ref": f"{name}:{tag}",
        "name": name,
        "purl": f"pkg:docker/{name}@{tag}",
        "scope": "required",
        "type": "container",
        "version": tag,
        **hashes,
    }


def _dependencies(bom: Json, packages: Packages, pins: Mapping[str, Pin]) -> Iterator[Json]:
    root = bom["metadata"]["component"]["bom-ref"]
    base = bom["components"][0]["bom-ref"]
    references = {"": root, **{name: package["bom-ref"] for name, package in packages.items()}}
    for name, reference in references.items():
        needs = [packages[other]["bom-ref"] for other, pin in pins.items() if name in pin.needed_by]
        yield {"ref": reference, "dependsOn": sorted(needs if name else [*needs, base])}
    yield {"ref": base, "dependsOn": []}


def main() -> None:
    """Write the bill of materials into a file."""
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file
    text = bill()
    file.write_text(text, "utf-8")
    print(f"{file}: {len(json.loads(text)['components'])} components")


if __name__ == "__main__":
    main()

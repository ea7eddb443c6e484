"""The bill of materials: whole, valid, and the same for the same lock."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.locks import ROOT, LockedPackage, pins, run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return _written(tmp_path_factory.mktemp("sbom") / "sbom.cdx.json")


@pytest.fixture(scope="module")
def bom(written: bytes) -> dict[str, Any]:
    bill: dict[str, Any] = json.loads(written)
    return bill


def _written(file: Path, **environment: str) -> bytes:
    done = run("tools.sbom", str(file), **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return file.read_bytes()


def test_cyclonedx_accepts_the_bill_of_materials(written: bytes) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written.decode()) is None


def test_the_same_lock_gives_the_same_bytes(written: bytes, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    assert _written(tmp_path / "another.json", **elsewhere) == written


def test_the_bill_of_materials_lists_every_package_of_the_image_with_its_hashes(
    bom: Any,
) -> None:
    listed = {
        component["name"]: LockedPackage(
            component["version"],
            frozenset(hash_["content"] for hash_ in component["externalReferences"][0]["hashes"]),
            is_for_here=component["scope"] == "required",
        )
        for component in bom["components"]
        if component["type"] == "library"
    }
    assert listed == pins("requirements.txt")


def test_the_licence_of_everything_in_the_image_is_named(bom: Any) -> None:
    without = [
        component["name"]
        for component in bom["components"]
        if component["scope"] == "required"
        and component["type"] == "library"
        and not component["licenses"]
    ]
    assert without == []


def test_the_bill_of_materials_is_about_this_project(bom: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    main = bom["metadata"]["component"]
    (licence,) = main["licenses"]
    assert (main["name"], main["version"]) == (project["name"], project["version"])
    assert licence["license"]["id"] == project["license"]


def test_the_base_image_is_named_by_the_digest_that_it_is_pinned_by(bom: Any) -> None:
    (base,) = (component for component in bom["components"] if component["type"] == "container")
    (digest,) = (hash_["content"] for hash_ in base["hashes"])
    pinned = f"ARG BASE={base['name']}:{base['version']}@sha256:{digest}"
    assert pinned in (ROOT / "Dockerfile").read_text("utf-8").splitlines()


def test_everything_in_the_bill_of_materials_is_there_because_something_needs_it(bom: Any) -> None:
    needs = {entry["ref"]: entry["dependsOn"] for entry in bom["dependencies"]}
    reached: set[str] = set()
    waiting = [bom["metadata"]["component"]["bom-ref"]]
    while waiting:
        reference = waiting.pop()
        waiting += set(needs[reference]) - reached
        reached |= {reference, *needs[reference]}
    assert reached == needs.keys()
    required = (ROOT / "requirements.in").read_text("utf-8")
    names = {
        re.sub(r"[\W_]+", "-", line.partition("[")[0]).lower()
        for line in required.splitlines()
        if line and not line.startswith("#")
    }
    direct = needs[bom["metadata"]["component"]["bom-ref"]]
    assert {found[1] for found in map(re.compile("pkg:pypi/(.*)@").match, direct) if found} == names


def test_the_lock_for_development_holds_the_lock_of_the_image() -> None:
    # Where the tools need a package, too, it may be installed on more systems.
    locked = {
        path: {(name, pin.version, pin.hashes) for name, pin in pins(path).items()}
        for path in ("requirements.txt", "requirements-dev.txt")
    }

    assert locked["requirements-dev.txt"] >= locked["requirements.txt"]

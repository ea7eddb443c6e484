"""The chart as Helm renders and installs it, and what a run without Helm says of itself."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane.client import Object
from tests.controlplane.stack import NAMESPACE
from tests.controlplane.tools import ROOT
from tests.controlplane.workspace import environment

CHART = ROOT / "charts/configmap-syncer"
RELEASE = "configmap-syncer"

NOT_RUN = "Helm was not run: "
"""How the reason begins for which tests skip that need Helm."""

OWN_LABELS = (
    "helm.sh/chart",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
)
"""What the chart labels its objects with, and kustomize does not."""


def helm() -> str | None:
    """Path of Helm: HELM, else on PATH; None where there is none that can be run."""
    return shutil.which(os.environ.get("HELM") or "helm")


def missing() -> str | None:
    """A sentence that says why tests of the chart cannot run; None where they can."""
    if helm():
        return None
    return f"{NOT_RUN}it is not on PATH, and HELM does not name it (version 4)."


def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """What Helm answers; `settings` are environment variables."""
    return subprocess.run(
        [helm() or "helm", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(**settings),
    )


def values(given: Mapping[str, Any]) -> list[str]:
    """Arguments that set values, each named by its path with dots."""
    return [f"--set-json={name}={json.dumps(value)}" for name, value in given.items()]


def rendered(*arguments: str | Path, namespace: str = NAMESPACE) -> list[Object]:
    """The objects of the chart, with those that Helm installs before; an error is an assertion."""
    done = run("template", RELEASE, CHART, "-n", namespace, "--include-crds", *arguments)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def refused(given: Mapping[str, Any], *arguments: str) -> str:
    """What Helm says about values that the chart refuses; an assertion where it takes them."""
    done = run("template", RELEASE, CHART, "-n", NAMESPACE, *values(given), *arguments)
    assert done.returncode != 0, done.stdout
    return done.stderr

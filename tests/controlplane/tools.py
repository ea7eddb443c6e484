"""Where the programs are that these tests start, and what to say when one is absent."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""

SERVER_SIDE_APPLY = "server-side-apply"
DYNAMIC_APPLY = "dynamic-apply"
STRATEGIES = (SERVER_SIDE_APPLY, DYNAMIC_APPLY)
"""Metacontroller's two ways of writing children; the first is what the project ships."""

_ASSETS = ("etcd", "kube-apiserver")


def asset(name: str) -> Path:
    """Path of a program of the control plane, from the folder KUBEBUILDER_ASSETS."""
    return Path(os.environ.get("KUBEBUILDER_ASSETS", "")) / name


def kubectl() -> Path:
    """Path of kubectl: in KUBEBUILDER_ASSETS, else on PATH."""
    return _in_assets_or_on_path("kubectl")


def controller_manager() -> Path:
    """Path of kube-controller-manager: in KUBEBUILDER_ASSETS, else on PATH.

    setup-envtest gives none, so it comes from a release of Kubernetes.
    """
    return _in_assets_or_on_path("kube-controller-manager")


def _in_assets_or_on_path(name: str) -> Path:
    bundled = asset(name)
    if os.access(bundled, os.X_OK):
        return bundled
    return Path(shutil.which(name) or name)


def kubernetes_version() -> str:
    """The version of the API server in KUBEBUILDER_ASSETS, as `1.35.4`."""
    printed = subprocess.run(
        [asset("kube-apiserver"), "--version"], check=True, capture_output=True, text=True
    ).stdout
    return printed.strip().removeprefix("Kubernetes v")


def metacontroller() -> Path:
    """Path of Metacontroller: METACONTROLLER, else on PATH."""
    named = os.environ.get("METACONTROLLER")
    return Path(named or shutil.which("metacontroller") or "metacontroller")


def metacontroller_crds() -> Path:
    """Metacontroller's own CRDs: METACONTROLLER_CRDS (a release's manifest), or those we ship."""
    named = os.environ.get("METACONTROLLER_CRDS")
    return Path(named) if named else ROOT / "metacontroller/complete/metacontroller-crds.yaml"


def missing() -> list[str]:
    """One sentence for everything that a Stack needs and that is absent."""
    sentences = []
    if not os.environ.get("KUBEBUILDER_ASSETS"):
        sentences.append(
            "KUBEBUILDER_ASSETS is not set: it names the folder with " + ", ".join(_ASSETS) + "."
        )
    else:
        sentences += [
            f"{asset(name)} is no program that can be run (KUBEBUILDER_ASSETS names its folder)."
            for name in _ASSETS
            if not os.access(asset(name), os.X_OK)
        ]
    sentences += [
        f"{path.name} is neither in KUBEBUILDER_ASSETS nor on PATH."
        for path in (controller_manager(), kubectl())
        if not os.access(path, os.X_OK)
    ]
    if not os.access(metacontroller(), os.X_OK):
        sentences.append(
            "metacontroller is not on PATH, and METACONTROLLER does not name it (v4.17.2)."
        )
    if not metacontroller_crds().is_file():
        sentences.append(f"METACONTROLLER_CRDS names {metacontroller_crds()}, which is no file.")
    return sentences

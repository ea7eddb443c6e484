"""The README and the pages that need a cluster, followed on a real control plane.

Every page begins in an empty cluster; tests/unit/test_docs.py knows that none is left out.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane import SERVER_SIDE_APPLY, Stack
from tests.controlplane.tools import metacontroller_crds
from tests.documents import IN_A_CLUSTER, INSTALLATION, follow, in_cluster
from tests.wheel import build, install_quickly

_INSTALL = "kubectl apply -k metacontroller/"
_PLUGIN = ("docs/kubectl-plugin.md", "docs/migration.md", "docs/rollout.md")


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Everything but the installation, so that a document can begin with it."""
    stack = Stack(SERVER_SIDE_APPLY)
    try:
        yield stack
    finally:
        stack.close()


def test_the_commands_of_the_installation_print_what_it_shows(stack: Stack) -> None:
    stack.hook.launch()
    stack.control_plane.start(crds=[metacontroller_crds()])
    stack.hook.wait_until_ready()

    def be_the_cluster() -> None:
        # There is no kubelet to run the Deployment: the hook runs outside of it and is registered.
        stack.start_metacontroller()

    followed = follow(
        INSTALLATION, in_cluster(stack.control_plane.kubeconfig), {_INSTALL: be_the_cluster}
    )
    assert _INSTALL in followed


@pytest.mark.parametrize("document", IN_A_CLUSTER)
def test_the_commands_of_a_document_print_what_it_shows(
    stack: Stack, document: str, tmp_path: Path
) -> None:
    stack.start()
    settings = in_cluster(stack.control_plane.kubeconfig)
    if document in _PLUGIN:
        installed = install_quickly(build(tmp_path), tmp_path / "venv")
        settings["PATH"] = f"{installed.binaries}:{settings['PATH']}"
    assert follow(document, settings, {})

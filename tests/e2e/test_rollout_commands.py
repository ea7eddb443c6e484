"""Every command that Ready names in a phase of a rollout, typed as it stands with the real kubectl.

What a command sets is there before it: it may have been typed already, or for another rollout.
"""

import re
import subprocess
from collections.abc import Sequence

import pytest

from hooks.api.names import APPROVE_ROLLOUT, ROLLOUT_FAILED
from tests.conditions import ready
from tests.controlplane import SERVER_SIDE_APPLY, Client, Stack
from tests.controlplane.client import Object
from tests.controlplane.workspace import environment
from tests.documents import in_cluster

NAME = "typed"
TARGETS = ["typed-canary", "typed-rest"]
_READING = ("kubectl get ", "kubectl describe ")

pytestmark = pytest.mark.parametrize("stack", [SERVER_SIDE_APPLY], indirect=True)


class Typist:
    """Types what Ready says about the one syncer."""

    def __init__(self, stack: Stack) -> None:
        self.client: Client = stack.client
        self.settings = in_cluster(stack.control_plane.kubeconfig)

    def commands(self, reason: str) -> Sequence[str]:
        """The commands that Ready names, once it has a reason, each typed without effect."""

        def is_there(syncer: Object) -> bool:
            return any(
                c["reason"] == reason for c in syncer.get("status", {}).get("conditions", ())
            )

        syncer = self.client.wait_for("ConfigMapSyncer", NAME, is_there, reason)
        found = re.findall(r"`(kubectl [^`]+)`", ready(syncer["status"])["message"])
        commands = [command.replace("NAMESPACE", TARGETS[0]) for command in found]
        for command in commands:
            self.type(command if command.startswith(_READING) else f"{command} --dry-run=server")
        return commands

    def type(self, command: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            env=environment(**self.settings),
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"

    def edit(self, **fields: object) -> None:
        self.client.merge_patch("ConfigMapSyncer", NAME, {"spec": fields})

    def change(self, level: str) -> None:
        self.client.merge_patch("ConfigMap", "settings", {"data": {"level": level}}, NAME)


def rollout(on_failure: str = "Halt", **canary: object) -> Object:
    stage = {"name": "canary", "targetNamespaces": TARGETS[:1], **canary}
    return {"stages": [stage, {"name": "everyone-else"}], "onFailure": on_failure}


def started(command: Sequence[str], begin: str) -> str:
    """The one command that begins so."""
    (found,) = (each for each in command if each.startswith(begin))
    return found


def test_every_command_of_every_phase_can_be_typed_though_it_was_typed_before(stack: Stack) -> None:
    typist = Typist(stack)
    client = typist.client
    client.add_syncer(NAME, TARGETS, {"level": "info"})
    before = {"metadata": {"annotations": {APPROVE_ROLLOUT: "x", ROLLOUT_FAILED: "x"}}}
    client.merge_patch("ConfigMapSyncer", NAME, before)
    for target in TARGETS:
        client.merge_patch("Namespace", target, before)
    typist.edit(rollout=rollout(soakSeconds=3600))
    typist.commands("AllCopiesCurrent")

    typist.change("debug")
    soaking = typist.commands("RolloutProgressing")
    fail = started(soaking, "kubectl annotate namespace")
    assert len(soaking) == 3

    typist.edit(rollout=rollout(approval="Manual"))
    assert {fail, *soaking} < set(typist.commands("AwaitingApproval"))

    typist.type(fail)
    typist.type(fail)
    halted = typist.commands("RolloutHalted")
    assert len(halted) == 3

    typist.edit(rollout=rollout("Rollback", approval="Manual"))
    typist.change("trace")
    waiting = typist.commands("AwaitingApproval")
    typist.type(started(waiting, "kubectl annotate namespace"))
    rolled_back = typist.commands("RolledBack")

    typist.type(started(rolled_back, "kubectl patch"))
    pinned = typist.commands("Pinned")
    for target in TARGETS:
        assert client.get("ConfigMap", "settings", target)["data"] == {"level": "trace"}
    typist.type(started(rolled_back, "kubectl annotate namespace"))
    typist.type(*pinned)
    typist.commands("AllCopiesCurrent")

    typist.edit(pinnedRevision="typed-0123456789abcdef")
    assert typist.commands("RevisionNotFound")

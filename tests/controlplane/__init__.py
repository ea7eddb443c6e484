"""A real control plane with Metacontroller and the hook, started and removed by the tests.

What a ConfigMapSyncer does can only be believed where the real API server, the
real garbage collector and the real Metacontroller judge it. This package
starts them on loopback, each run in a folder and on ports of its own, and
leaves nothing behind, whatever way the run ends.
"""

from tests.controlplane.client import ApiStatusError, Client, Object, TimedOut, wait_for
from tests.controlplane.hook import HookProcess
from tests.controlplane.metacontroller import MetacontrollerProcess
from tests.controlplane.plane import ControlPlane
from tests.controlplane.process import Process, StartFailed
from tests.controlplane.stack import Stack
from tests.controlplane.tools import DYNAMIC_APPLY, SERVER_SIDE_APPLY, STRATEGIES, missing
from tests.controlplane.workspace import Workspace

__all__ = [
    "DYNAMIC_APPLY",
    "SERVER_SIDE_APPLY",
    "STRATEGIES",
    "ApiStatusError",
    "Client",
    "ControlPlane",
    "HookProcess",
    "MetacontrollerProcess",
    "Object",
    "Process",
    "Stack",
    "StartFailed",
    "TimedOut",
    "Workspace",
    "missing",
    "wait_for",
]

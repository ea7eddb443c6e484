"""The product with everything that can be broken within reach."""

import contextlib
import time
from collections.abc import Iterator

import yaml

from tests.controlplane import (
    SERVER_SIDE_APPLY,
    Client,
    ControlPlane,
    HookProcess,
    MetacontrollerProcess,
    Object,
    Stack,
)
from tests.controlplane.stack import NAMESPACE, SERVICE_ACCOUNT, shipped_arguments
from tests.reliability.proxy import Proxy
from tests.reliability.world import BYSTANDER

_RESYNC_PERIOD_SECONDS = 24 * 3600
"""Longer than a run: what the regular resync would heal must heal without it."""


class Parts:
    """A control plane, Metacontroller and the hook as shipped, with a proxy before the hook."""

    def __init__(self, *api_server_arguments: str) -> None:
        self._stack = Stack(
            SERVER_SIDE_APPLY,
            api_server_arguments=api_server_arguments,
            installation=self._reached_by_proxy,
        )
        self.proxy = Proxy(self._stack.workspace.port(), self._stack.hook.url)
        self._election = [each for each in shipped_arguments() if "-leader-election" in each]
        self.leader = self._elected("leader")
        self._standby = self._elected("standby")

    @property
    def client(self) -> Client:
        """The administrator's client."""
        return self._stack.client

    @property
    def plane(self) -> ControlPlane:
        """etcd, kube-apiserver and kube-controller-manager."""
        return self._stack.control_plane

    @property
    def hook(self) -> HookProcess:
        """The service."""
        return self._stack.hook

    @property
    def metacontroller(self) -> MetacontrollerProcess:
        """The one that works alone, while none is elected."""
        return self._stack.metacontroller

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything started, and removed at the end."""
        with self.proxy, self._stack:
            try:
                yield
            finally:
                for each in (self.leader, self._standby):
                    each.kill()

    def restart_metacontroller(self) -> None:
        """Kill Metacontroller, and start it; returns when it asks the hook again."""
        self._begin_with(self.metacontroller)

    def kill_leader(self) -> None:
        """Kill the leader; returns when the other one asks the hook."""
        self.leader.kill()
        since = time.monotonic()
        self.proxy.wait_for_call(BYSTANDER, since)

    @contextlib.contextmanager
    def two_metacontrollers(self) -> Iterator[None]:
        """A leader that works and another that waits; afterwards one works alone again."""
        self.metacontroller.kill()
        self._begin_with(self.leader)
        self._standby.start()
        yield
        self.leader.kill()
        self._standby.kill()
        # The next leader need not wait for what the dead one left.
        self.client.delete("Lease", SERVICE_ACCOUNT, NAMESPACE)
        self.restart_metacontroller()

    def logs(self) -> str:
        """The end of what everybody wrote."""
        elected = (self.leader, self._standby)
        return "\n".join([self._stack.logs(), *(each.tail() for each in elected)])

    def _begin_with(self, metacontroller: MetacontrollerProcess) -> None:
        metacontroller.kill()
        since = time.monotonic()
        metacontroller.start()
        self.proxy.wait_for_call(BYSTANDER, since)

    def _elected(self, name: str) -> MetacontrollerProcess:
        return MetacontrollerProcess(
            self.plane,
            SERVER_SIDE_APPLY,
            self._election,
            kubeconfig=self._stack._kubeconfig,
            name=name,
        )

    def _reached_by_proxy(self, registered: list[Object]) -> list[Object]:
        text = yaml.safe_dump_all(registered).replace(self.hook.url, self.proxy.url)
        installation: list[Object] = list(yaml.safe_load_all(text))
        for each in installation:
            if each["kind"] == "CompositeController":
                each["spec"]["resyncPeriodSeconds"] = _RESYNC_PERIOD_SECONDS
        return installation

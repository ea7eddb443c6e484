"""The stages of a rollout with the number of their targets, as the hook counts them."""

import json
from dataclasses import dataclass
from typing import Self

from hooks.api import protocol
from hooks.api.names import NAMESPACES
from hooks.api.text import counted
from hooks.cli.kubectl import Kubectl, KubectlError
from hooks.preview.simulator.objects import Object, name_of
from hooks.rollout.membership import stage_sizes


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages as they are written, and how many targets each has or why that is not known."""

    written: tuple[Object, ...]
    sizes: tuple[int, ...] | None = None
    unknown: str | None = None

    @classmethod
    def read(cls, kubectl: Kubectl, syncer: Object) -> Self:
        """The stages of a syncer. Without the right to list namespaces, nothing is counted."""
        written = tuple(syncer["spec"]["rollout"].get("stages") or ())
        try:
            items = json.loads(kubectl.run("get", "namespaces", "--output=json"))["items"]
        except KubectlError as error:
            return cls(written, unknown=str(error))
        namespaces = {name_of(item): item for item in items}
        body = json.dumps({"parent": syncer, "related": {NAMESPACES: namespaces}})
        sizes = stage_sizes(protocol.decode_sync(body.encode()))
        return cls(written, None if sizes is None else tuple(sizes))

    def index(self, name: str | None) -> int | None:
        """The place of the stage with a name; None where there is none."""
        return next((i for i, stage in enumerate(self.written) if stage["name"] == name), None)

    def described(self, place: int) -> str:
        """A stage with its place and its size: `early (2 of 3, 5 targets)`."""
        size = "" if self.sizes is None else f", {counted(self.sizes[place], 'target')}"
        return f"{self.written[place]['name']} ({place + 1} of {len(self.written)}{size})"

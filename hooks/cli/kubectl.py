"""Ask the cluster that kubectl points to, with kubectl itself: its credentials, its contexts.

Errors: `KubectlError`, with a sentence that says what to do where that is known.
"""

import argparse
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from hooks.api.names import GROUP, PLURAL

SYNCERS: Final = f"{PLURAL}.{GROUP}"
"""The resource of ConfigMapSyncers, as kubectl takes it."""

_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)"'
    r' in API group "(?P<group>[^"]*)" (?P<scope>.*)'
)
_NO_RESOURCE: Final = re.compile(
    r'the server doesn.t have a resource type "(?P<resource>configmapsyncers|bundles)'
)
_INSTALLED_BY: Final = {"configmapsyncers": "ConfigMap Syncer", "bundles": "trust-manager"}


class KubectlError(Exception):
    """kubectl cannot be run, or it failed; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the options that say which cluster is meant; empty ones are left out."""

    context: str | None = None
    kubeconfig: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """The kubectl that a command line means, also one that is still being completed."""
        return cls(getattr(options, "context", None), getattr(options, "kubeconfig", None))

    def run(self, *arguments: str, timeout: float | None = None) -> bytes:
        """What kubectl prints. Raises KubectlError, and subprocess.TimeoutExpired in time."""
        done = subprocess.run(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(explained(done.stderr.decode(errors="replace")))
        return done.stdout

    def command(self, *arguments: str) -> Sequence[str]:
        """The command line. Raises KubectlError where there is no kubectl."""
        program = shutil.which("kubectl")
        if program is None:
            raise KubectlError("kubectl is not on PATH; it is needed to read the cluster")
        options = {"--context": self.context, "--kubeconfig": self.kubeconfig}
        given = [f"{option}={value}" for option, value in options.items() if value]
        return [program, *arguments, *given]

    def namespace(self) -> str:
        """The namespace of the context; `default` where it names none. Raises KubectlError."""
        found = self.run("config", "view", "--minify", "-o", "jsonpath={..namespace}")
        return found.decode().strip() or "default"


def explained(complaint: str) -> str:
    """What kubectl said on standard error; a missing right with its verb and its resource."""
    lines = []
    for line in complaint.strip().splitlines():
        if found := _FORBIDDEN.search(line):
            resource = ".".join(filter(None, (found["resource"], found["group"])))
            lines.append(
                f"{found['user']} may not {found['verb']} {resource} {found['scope']}: a role "
                f'needs the verb "{found["verb"]}" on the resource "{found["resource"]}" of the '
                f'API group "{found["group"]}"'
            )
        elif found := _NO_RESOURCE.search(line):
            lines.append(
                f"{line} (is {_INSTALLED_BY[found['resource']]} installed in this cluster?)"
            )
        else:
            lines.append(line)
    return "\n".join(dict.fromkeys(lines)) or "kubectl failed without a message"

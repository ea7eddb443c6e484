"""`make local`: the whole product on this machine, to play with."""

import argparse
import signal
import sys
from typing import NoReturn

from tests.controlplane.stack import Stack
from tests.controlplane.tools import SERVER_SIDE_APPLY, STRATEGIES, missing


def main() -> int:
    """Start everything, say how to use it, and stay until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__)
    parser.add_argument("--strategy", choices=STRATEGIES, default=SERVER_SIDE_APPLY)
    strategy: str = parser.parse_args().strategy
    if absent := missing():
        print("Cannot start:", *absent, sep="\n  ", file=sys.stderr)
        return 1
    # SIGINT too, because a shell that starts this in the background has it ignored.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _interrupt)
    try:
        print(f"Starting a control plane, Metacontroller ({strategy}) and the hook …", flush=True)
        with Stack(strategy) as stack:
            print(_greeting(stack), flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        print("\nStopped, and everything removed.")
    return 0


def _greeting(stack: Stack) -> str:
    return f"""
Ready. In another terminal:

  export KUBECONFIG={stack.control_plane.kubeconfig}
  kubectl get configmapsyncers

Logs are in {stack.workspace.folder}; the hook is at {stack.hook.url}.
Press Ctrl-C here to stop and remove everything."""


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

"""`make local`: the whole product on this machine, to play with."""

import argparse
import signal
import sys
from typing import Final, NoReturn

from tests.controlplane.client import TimedOut
from tests.controlplane.process import StartFailed
from tests.controlplane.stack import Stack
from tests.controlplane.tools import SERVER_SIDE_APPLY, STRATEGIES, missing

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Start everything, say how to use it, and stay until Ctrl-C or until the hook ends.

    The exit code is 0 when it was asked to end, and 1 when the start failed or the hook ended.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__)
    parser.add_argument("--strategy", choices=STRATEGIES, default=SERVER_SIDE_APPLY)
    strategy: str = parser.parse_args().strategy
    if absent := missing():
        print("Cannot start:", *absent, sep="\n  ", file=sys.stderr)
        return 1
    # SIGINT too, because a shell that starts this in the background has it ignored.
    for ending in _ENDINGS:
        signal.signal(ending, _interrupt)
    print(f"Starting a control plane, Metacontroller ({strategy}) and the hook …", flush=True)
    # Blocked where an interrupt would leave something behind: before there is anything to close,
    # and while it is closed.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    stack = Stack(strategy)
    failure = None
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        stack.start()
        print(_greeting(stack), flush=True)
        stack.hook.wait()
        failure = f"The hook has ended. The last line of its output:\n{stack.hook.last_line()}"
    except (StartFailed, TimedOut) as failed:
        failure = f"The start failed. {failed}"
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        stack.close()
    if failure is not None:
        print(failure, file=sys.stderr)
    print("Everything is removed.")
    return 0 if failure is None else 1


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

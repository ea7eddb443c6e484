"""Record one real sync request, so that the benchmarks do not guess what Metacontroller sends.

`python -m tests.benchmarks.record` starts everything, makes one syncer with one target, and writes
the request of a sync in which nothing is left to do. It is only needed again when Metacontroller or
the API changes what a request looks like.
"""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hooks.app import create_app
from tests.benchmarks.objects import manifest
from tests.controlplane import SERVER_SIDE_APPLY, Object, Stack, missing, wait_for
from tests.smoke import GUNICORN

RECORDED = Path(__file__).with_name("recorded-sync.json")
SYNCER = "benchmark"
SOURCE_NAMESPACE = "benchmark-source"
NAME = "settings"
TARGET = "benchmark-target"
KEY = "key"

_FOLDER = "BENCHMARK_RECORDING"
_LAST = "last-sync.json"
_MARK = "recorded"


def recording_app() -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The hook, which also writes the last body of /sync for SYNCER into a file."""
    app = create_app()
    last = Path(os.environ[_FOLDER]) / _LAST

    def record(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/sync":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            if json.loads(body)["parent"]["metadata"]["name"] == SYNCER:
                unfinished = last.with_suffix(".unfinished")
                unfinished.write_bytes(body)
                unfinished.rename(last)
        answer: Iterable[bytes] = app(environ, start_response)
        return answer

    return record


def record() -> Object:
    """The request of a sync of one current copy, with nothing in it that names this machine."""
    command = (*GUNICORN, "tests.benchmarks.record:recording_app()")
    stack = Stack(SERVER_SIDE_APPLY, hook_command=command)
    stack.hook._settings[_FOLDER] = str(stack.workspace.folder)
    with stack:
        client = stack.client
        for namespace in (SOURCE_NAMESPACE, TARGET):
            client.apply(manifest("Namespace", namespace), field_manager="kubectl")
        source = manifest("ConfigMap", NAME, SOURCE_NAMESPACE) | {"data": {KEY: "value"}}
        client.apply(source, field_manager="kubectl")
        spec = {
            "sourceNamespace": SOURCE_NAMESPACE,
            "sourceConfigMap": NAME,
            "targetNamespaces": [TARGET],
        }
        syncer = manifest("ConfigMapSyncer", SYNCER) | {"spec": spec}
        client.apply(syncer, field_manager="kubectl")
        client.wait_for("ConfigMapSyncer", SYNCER, _is_ready, "the syncer to be ready")
        # A change that asks for a sync and leaves it nothing to do.
        client.merge_patch("Namespace", TARGET, {"metadata": {"labels": {_MARK: "true"}}})
        last = stack.workspace.folder / _LAST

        def settled() -> str:
            text = last.read_text("utf-8")
            return text if f'"{_MARK}"' in text and '"AllCopiesCurrent"' in text else ""

        text = wait_for(settled, "a sync with nothing left to do")
    request: Object = json.loads(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text))
    return request


def _is_ready(syncer: Object) -> bool:
    conditions = syncer.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


if __name__ == "__main__":
    if absent := missing():
        sys.exit("\n  ".join(["Cannot record:", *absent]))
    RECORDED.write_text(f"{json.dumps(record(), indent=1, ensure_ascii=False)}\n", "utf-8")

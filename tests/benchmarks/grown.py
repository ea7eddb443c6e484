"""Grow the one recorded request into one of many targets and much content.

Every copy, Namespace and field manager has the shape that Metacontroller sent once
(`benchmarks.record`); only names, content and their number are made up.
"""

import copy
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from werkzeug.test import create_environ, run_wsgi_app

from hooks.app import create_app
from hooks.resolve.source import content_hash
from hooks.settings import Settings
from tests.benchmarks.record import NAME, RECORDED, SOURCE_NAMESPACE, TARGET

TARGETS = 1_000
KEYS = 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LINE = '  - name: server-{number:04d}\n    weight: 10  # "east"\n'

Request = dict[str, Any]
Application = Callable[..., Any]


def application() -> Application:
    """The service, with a clock that stands still and a log that nobody reads."""
    return create_app(Settings(), lambda: NOW, io.StringIO())


def ask(app: Application, body: IO[bytes], size: int) -> bytes:
    """The answer of /sync, from the bytes of the request to those of the response."""
    environ = create_environ(
        "/sync",
        method="POST",
        input_stream=body,
        content_type="application/json",
        content_length=size,
    )
    parts, code, _ = run_wsgi_app(app, environ, buffered=True)
    answer = b"".join(parts)
    if code != "200 OK":
        raise RuntimeError(f"the hook answered {code}: {answer.decode()}")
    return answer


def encoded(request: Request) -> bytes:
    """The request as Metacontroller sends it: compact, and not in ASCII alone."""
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def recorded() -> Request:
    """The recorded request: one target, one key."""
    request: Request = json.loads(RECORDED.read_text("utf-8"))
    return request


def content(size: int, mark: str) -> Mapping[str, str]:
    """Ten keys of multi-line YAML of about `size` bytes together; `mark` tells two apart."""
    return {f"config-{key}.yaml": _yaml(size // KEYS, f"{mark}-{key}") for key in range(KEYS)}


def settled(size: int) -> Request:
    """A request in which every target holds the content, and the status says so."""
    request = _grown(content(size, "new"), content(size, "new"))
    # What the hook says is what it is shown next time, so its own answer makes the status true.
    for _ in range(2):
        body = encoded(request)
        answer = json.loads(ask(application(), io.BytesIO(body), len(body)))
        request["parent"]["status"] = answer["status"]
    return request


def changed(size: int) -> Request:
    """A request in which the source has just changed, and every copy holds what it was."""
    request = _grown(content(size, "new"), content(size, "old"))
    request["parent"]["status"] = settled(size)["parent"]["status"] | {
        "contentHash": content_hash(content(size, "old"), {})
    }
    return request


def _yaml(size: int, mark: str) -> str:
    text = f"# {mark}\nservers:\n"
    number = 0
    while len(text) < size:
        text += _LINE.format(number=number)
        number += 1
    return text[: size - 1] + "\n"


def _grown(source: Mapping[str, str], copies: Mapping[str, str]) -> Request:
    request = recorded()
    template = request["children"]["ConfigMap.v1"][f"{TARGET}/{NAME}"]
    namespace = request["related"]["Namespace.v1"][TARGET]
    original = request["related"]["ConfigMap.v1"][f"{SOURCE_NAMESPACE}/{NAME}"]
    names = [f"{TARGET}-{number:04d}" for number in range(TARGETS)]
    children = {f"{name}/{NAME}": _in(template, name, copies) for name in names}
    request["children"]["ConfigMap.v1"] = children
    request["related"]["ConfigMap.v1"] = {
        f"{SOURCE_NAMESPACE}/{NAME}": _in(original, SOURCE_NAMESPACE, source)
    } | children
    request["related"]["Namespace.v1"] = {
        SOURCE_NAMESPACE: request["related"]["Namespace.v1"][SOURCE_NAMESPACE]
    } | {name: _renamed(namespace, name) for name in names}
    request["parent"]["spec"]["targetNamespaces"] = names
    return request


def _in(template: Request, namespace: str, data: Mapping[str, str]) -> Request:
    grown = copy.deepcopy(template)
    grown["metadata"]["namespace"] = namespace
    grown["data"] = data
    for entry in grown["metadata"].get("managedFields", ()):
        if "f:data" in entry["fieldsV1"]:
            entry["fieldsV1"]["f:data"] = {f"f:{key}": {} for key in data}
    annotations = grown["metadata"].get("annotations", {})
    if "config.example.com/content-hash" in annotations:
        annotations["config.example.com/content-hash"] = content_hash(data, {})
    return grown


def _renamed(namespace: Request, name: str) -> Request:
    grown = copy.deepcopy(namespace)
    grown["metadata"]["name"] = name
    return grown

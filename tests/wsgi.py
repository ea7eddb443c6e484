"""Ask the application in this process, as a server hands it one request."""

import io
import sys
from collections.abc import Callable
from typing import Any

import flask

HookAnswer = tuple[int, bytes, dict[str, str]]
"""A status code, a body, and headers."""


def hook_of(app: flask.Flask) -> Callable[[str, bytes], HookAnswer]:
    """A function that posts JSON to a path.

    Werkzeug's test client does the same in three times the time. It leaves answers open, too, and
    the application counts the bytes of an open answer.
    """

    def post(path: str, body: bytes) -> HookAnswer:
        status = ""
        headers: dict[str, str] = {}

        def start(line: str, given: list[tuple[str, str]], *_: object) -> Callable[[bytes], None]:
            nonlocal status
            status = line
            headers.update(given)
            return lambda _: None

        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer = app.wsgi_app(environ, start)
        try:
            content = b"".join(answer)
        finally:
            answer.close()  # type: ignore[attr-defined]
        return int(status.partition(" ")[0]), content, headers

    return post

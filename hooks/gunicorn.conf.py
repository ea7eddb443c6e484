"""How gunicorn runs the service.

One worker process of greenlets: a client that sends slowly holds a greenlet and no thread, so
the others are answered meanwhile, with 429 when too much is in flight. Decisions are computed by a
few threads of that process (hooks/server/decisions.py), so that they delay nobody else. One
process, because the limits and the metrics are per process; to have more of it, run more replicas.
"""

import logging
import os
import resource
from pathlib import Path
from typing import Any

from hooks import settings
from hooks.server.credentials import BearerTokens, ServerCertificate
from hooks.server.worker import HEADROOM, Tls, Worker
from hooks.settings import InvalidSetting

_settings = settings.read(os.environ)
_complain = logging.getLogger("gunicorn.error").warning


def _server_certificate() -> ServerCertificate:
    return ServerCertificate(
        Path(_settings.tls_certificate_file),
        Path(_settings.tls_key_file),
        Path(_settings.client_ca_file) if _settings.client_ca_file else None,
        _complain,
    )


# Files that cannot be used are reported here, before anything listens; they are read again later.
if _settings.bearer_token_file:
    BearerTokens(Path(_settings.bearer_token_file), _complain)
if _settings.tls_certificate_file:
    _server_certificate()
    certfile = _settings.tls_certificate_file
    keyfile = _settings.tls_key_file


def ssl_context(_config: object, _default: object) -> Tls:
    """What wraps each connection into TLS: gunicorn's own would hold the first certificate."""
    return Tls(_server_certificate())


bind = f"{_settings.host}:{_settings.port}"
worker_class = Worker
workers = 1
worker_connections = _settings.max_connections + HEADROOM
# A worker whose event loop hangs for this long, or whose threads are all lost, is replaced.
timeout = 60
graceful_timeout = _settings.shutdown_seconds
# Longer than Metacontroller keeps a connection without a request (90 s): so it is its client that
# ends one, and no request is lost to an end that it crosses.
keepalive = 100
# A head is all that a client may send uncounted, and enough for what Metacontroller sends.
limit_request_fields = 32
limit_request_field_size = 4096
# gunicorn's temporary file for its heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
# Its control socket would be a file in a home directory, which the service has not got.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_request(worker: Worker, request: Any, _environment: object, response: Any) -> None:
    """Tell the worker what was answered."""
    worker.note(request.method, response)


def _have_descriptors(number: int) -> None:
    """Raise the process's limit where it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < number:
        raise InvalidSetting(
            "Correct the environment variable MAX_CONNECTIONS: "
            f"it needs {number} file descriptors, and the process may have {hard}"
        )
    if resource.RLIM_INFINITY != soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


# In addition to the connections: the listener, the log, Python's and gevent's own.
_have_descriptors(worker_connections + 64)

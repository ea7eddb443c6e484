"""How gunicorn runs the service.

One worker process of greenlets: a client that sends slowly holds a greenlet and no thread, so
the others are answered meanwhile and told 429 when too much is in flight. One process, because
the limits and the metrics are per process; to have more of it, run more replicas.
"""

import logging
import os
from pathlib import Path

from hooks import settings
from hooks.credentials import BearerTokens, ServerCertificate

_settings = settings.read(os.environ)
_complain = logging.getLogger("gunicorn.error").warning


def _server_certificate() -> ServerCertificate:
    return ServerCertificate(
        Path(_settings.tls_certificate_file),
        Path(_settings.tls_key_file),
        Path(_settings.client_ca_file) if _settings.client_ca_file else None,
        _complain,
    )


# Files that cannot be used are told here, before anything listens; who uses them reads them later.
if _settings.bearer_token_file:
    BearerTokens(Path(_settings.bearer_token_file), _complain)
if _settings.tls_certificate_file:
    _server_certificate()
    certfile = _settings.tls_certificate_file
    keyfile = _settings.tls_key_file


def ssl_context(_config: object, _default: object) -> ServerCertificate:
    """What wraps each connection into TLS: gunicorn's own would hold the first certificate."""
    return _server_certificate()


bind = f"{_settings.host}:{_settings.port}"
worker_class = "gevent"
workers = 1
worker_connections = 1000
# A worker that answers nothing for this long hangs; deciding on the largest body takes seconds.
timeout = 120
graceful_timeout = _settings.shutdown_seconds
keepalive = 75
# gunicorn's temporary file for its heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
# Its control socket would be a file in a home directory, which the service has not got.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"

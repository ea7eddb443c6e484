"""How gunicorn runs the service.

One worker process of greenlets: a client that sends slowly holds a greenlet and no thread, so
the others are answered meanwhile and told 429 when too much is in flight. One process, because
the limits and the metrics are per process; to have more of it, run more replicas.
"""

import os
from pathlib import Path

from hooks import settings
from hooks.credentials import BearerTokens

_settings = settings.read(os.environ)
if _settings.bearer_token_file:
    # Said here, before anything listens; the application reads it for itself.
    BearerTokens(Path(_settings.bearer_token_file), print)

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

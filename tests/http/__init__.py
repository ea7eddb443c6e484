"""The HTTP edge, against the service as gunicorn runs it."""

"""Ask the real application, in process, with a clock and a log of the test's own."""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hooks.app import create_app
from hooks.settings import Settings
from tests.cases import Case
from tests.wsgi import hook_of


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """What came back, and what was logged; `retry_after` is the header, where there is one."""

    code: int
    body: bytes
    log: str
    retry_after: str | None = None

    @property
    def decoded(self) -> Any:
        """The answer as JSON, and of a deferred one what is said instead."""
        if self.retry_after is None:
            return json.loads(self.body)
        return {"code": self.code, "Retry-After": self.retry_after, "text": self.body.decode()}


def call_hook(hook: str, body: bytes, now: datetime, settings: Settings) -> LoggedAnswer:
    """Ask one hook once."""
    log = io.StringIO()
    app = create_app(settings, lambda: now, log)
    code, answer, headers = hook_of(app)(f"/{hook}", body)
    return LoggedAnswer(code, answer, log.getvalue(), headers.get("Retry-After"))


def answer_to(case: Case) -> LoggedAnswer:
    """What a case is answered."""
    return call_hook(case.hook, case.body, case.now, case.settings)

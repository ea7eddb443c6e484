"""The WSGI application: the pure hook behind each route, and what is logged of its answer."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TextIO

import flask
from msgspec import UNSET
from werkzeug.exceptions import HTTPException

from hooks import adoption, settings
from hooks.api import protocol
from hooks.api.deferred import Deferred
from hooks.api.kinds import SECRET
from hooks.api.last_applied import RECURSION_LIMIT
from hooks.api.names import CONTROLLER_UID
from hooks.api.protocol import AdoptResponse, SyncRequest, SyncResponse
from hooks.api.text import excerpt
from hooks.copies.request_size import NEAR_PERCENT
from hooks.customize import related_rules
from hooks.finalize import finalize
from hooks.rollout.soak import soak_end
from hooks.server.endpoint import Answer, Hook, HookEndpoint, text_response
from hooks.server.metrics import Metrics, SyncerState
from hooks.settings import Settings
from hooks.status.types import Status, SyncedReason
from hooks.sync import sync

# Kubernetes stores objects that nest deeper than msgspec reads under Python's own limit.
sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))

_ROLLING_OUT: Final = (SyncedReason.ROLLOUT_PROGRESSING, SyncedReason.AWAITING_APPROVAL)
"""Why a syncer whose rollout goes on as it should is not Ready."""


def create_app(
    configured: Settings | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    log: TextIO | None = None,
) -> flask.Flask:
    """The WSGI application. Settings default to the environment's, the log to standard output.

    Raises InvalidSetting where the environment cannot be used, UnusableFile where a file that it
    names cannot.
    """
    limits = configured or settings.read(os.environ)
    options = limits.options
    app = flask.Flask("configmap-syncer", static_folder=None)
    endpoint = HookEndpoint(limits, Metrics.create(clock), log or sys.stdout)

    def answer_sync(body: bytes) -> Answer:
        request = protocol.decode_sync(body)
        response = sync(request, options, clock())
        return _logged(request, response, len(body) / limits.max_request_bytes)

    def answer_finalize(body: bytes) -> Answer:
        request = protocol.decode_sync(body)
        response = finalize(request, options, clock())
        if isinstance(response, Deferred):
            return _deferred(request, response)
        return _logged(request, response, len(body) / limits.max_request_bytes)

    def answer_customize(body: bytes) -> Answer:
        request = protocol.decode_customize(body)
        rules = related_rules(request, options)
        log_fields: dict[str, str | int | float] = {
            "syncer": excerpt(request.parent.metadata.name),
            "rules": len(rules.related_resources),
        }
        return Answer(rules, log_fields)

    def answer_adopt(body: bytes) -> Answer:
        request = protocol.decode_adopt(body)
        adopter = adoption.adopter(request, options)
        response = AdoptResponse({CONTROLLER_UID: adopter.uid} if adopter else {})
        log_fields = {
            "object": excerpt(request.object.key),
            "adopter": adopter.name if adopter else "",
        }
        return Answer(response, log_fields)

    def answer_adopt_customize(body: bytes) -> Answer:
        request = protocol.decode_customize(body)
        rules = adoption.related_rules(request, options)
        return Answer(rules, {"rules": len(rules.related_resources)})

    hooks: dict[str, Hook] = {
        "sync": answer_sync,
        "finalize": answer_finalize,
        "customize": answer_customize,
        "adopt": answer_adopt,
        "adopt/customize": answer_adopt_customize,
    }
    for name, hook in hooks.items():
        app.add_url_rule(
            f"/{name}",
            name,
            endpoint.route(name, hook),
            methods=["POST"],
            provide_automatic_options=False,
        )
    for name in ("healthz", "readyz"):
        app.add_url_rule(f"/{name}", name, lambda: text_response(200, "ok"))
    app.add_url_rule("/metrics", "metrics", endpoint.page)
    app.register_error_handler(HTTPException, endpoint.refuse)
    return app


def _shown(request: SyncRequest) -> dict[str, str | int | float]:
    """The log fields of what a request shows."""
    return {
        "syncer": excerpt(request.parent.metadata.name),
        "observed": sum(map(len, (request.children or {}).values())),
        "related": sum(map(len, (request.related or {}).values())),
    }


def _has_secrets(request: SyncRequest) -> bool:
    return bool(request.observed(SECRET.group) or request.related_objects(SECRET.group))


def _deferred(request: SyncRequest, response: Deferred) -> Answer:
    log_fields = {
        **_shown(request),
        "deferred": True,
        "resyncAfterSeconds": response.after_seconds,
    }
    return Answer(response, log_fields, has_secrets=_has_secrets(request))


def _logged(request: SyncRequest, response: SyncResponse[Status], share_of_limit: float) -> Answer:
    status = response.status
    return Answer(
        response,
        {
            **_shown(request),
            "desired": len(response.children),
            "targets": status.target_count,
            "synced": status.synced_count,
            "pending": status.pending_count,
            "failed": status.failed_count,
            "ready": status.ready.status,
            "reason": status.ready.reason,
            "resyncAfterSeconds": response.resync_after_seconds,
        },
        has_secrets=_has_secrets(request),
        content_bytes=sum(
            memoryview(raw).nbytes
            for child in response.children
            for raw in (child.data, child.binary_data)
            if raw is not UNSET
        ),
        syncer=_state(request, status, share_of_limit),
        is_finalized=response.finalized,
    )


def _state(request: SyncRequest, status: Status, share_of_limit: float) -> SyncerState:
    """What the metrics tell of a syncer."""
    rollout = status.rollout
    return SyncerState(
        name=request.parent.metadata.name,
        is_ready=status.ready.status == "True",
        is_stalled=status.is_stalled,
        is_near_limit=100 * share_of_limit >= NEAR_PERCENT,
        is_rolling_out=status.ready.reason in _ROLLING_OUT,
        targets=status.target_count,
        synced=status.synced_count,
        pending=status.pending_count,
        failed=status.failed_count,
        phase=None if rollout is UNSET else rollout.phase,
        soak_end=None if rollout is UNSET else soak_end(request.parent, rollout),
    )

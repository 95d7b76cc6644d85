"""What a process says of itself: logs, and numbers for Prometheus.

Logs are one JSON object a line on stderr: a message is a fixed phrase; values go in `extra`. Labels
of numbers are words of ours or LiveKit's, never a name or an id.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

logger = logging.getLogger("halaqa.metrics")

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

REGISTRY = CollectorRegistry()  # this process's; the library's own has the interpreter's numbers

_webhooks = Counter(
    "halaqa_webhooks", "Webhooks by what became of them.", ["outcome"], registry=REGISTRY
)
_webhook_seconds = Histogram(
    "halaqa_webhook_seconds",
    "From a webhook's arrival to its answer.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
_transitions = Counter(
    "halaqa_transitions", "Sessions that changed to a status.", ["to"], registry=REGISTRY
)
_work = Counter(
    "halaqa_work", "Work that was begun, by how it ended.", ["kind", "outcome"], registry=REGISTRY
)
_subscriptions = Gauge(
    "halaqa_subscriptions_running", "Subscriptions under way.", registry=REGISTRY
)
_watched = Gauge(
    "halaqa_watched_sessions", "Sessions that somebody watches at this process.", registry=REGISTRY
)
_bus_gaps = Counter(
    "halaqa_bus_gaps",
    "How often what other processes said may not have been heard.",
    registry=REGISTRY,
)
_livekit_calls = Counter(
    "halaqa_livekit_calls",
    "Calls to LiveKit's API by how they ended.",
    ["method", "outcome"],
    registry=REGISTRY,
)
_livekit_seconds = Histogram(
    "halaqa_livekit_call_seconds",
    "How long calls to LiveKit's API took.",
    ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
_operations = Counter(
    "halaqa_graphql_operations",
    "GraphQL operations that ended, by kind and by how.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
_refusals = Counter(
    "halaqa_refusals",
    "Errors that clients were told of, by code; INVALID_CREDENTIALS: failed sign-ins;"
    " UNAUTHENTICATED: sockets closed with 4403 too.",
    ["code"],
    registry=REGISTRY,
)


def count_webhook(outcome: str, seconds: float) -> None:
    """`outcome`: the webhook's own, or REJECTED or NOT_STORED."""
    _webhooks.labels(outcome).inc()
    _webhook_seconds.observe(seconds)


def count_transitions(to: str, number: int) -> None:
    _transitions.labels(to).inc(number)


def count_work(kind: str, outcome: str) -> None:
    """`outcome`: DONE, PUT_OFF, GIVEN_BACK as its process ended, or DEADLY."""
    _work.labels(kind, outcome).inc()


def count_bus_gap() -> None:
    _bus_gaps.inc()


def count_operation(kind: str, outcome: str) -> None:
    """`kind`: QUERY, MUTATION, SUBSCRIPTION or UNKNOWN; `outcome`: OK, ERRORS or REFUSED."""
    _operations.labels(kind, outcome).inc()


def count_refusal(code: str) -> None:
    _refusals.labels(code).inc()


def subscription_began() -> None:
    _subscriptions.inc()


def subscription_ended() -> None:
    _subscriptions.dec()


def watching_began() -> None:
    """A session is watched by somebody."""
    _watched.inc()


def watching_ended() -> None:
    _watched.dec()


@contextmanager
def calling_livekit(method: str) -> Iterator[None]:
    """One call as its caller sees it; what it raises is its outcome."""
    began, outcome = perf_counter(), "OK"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        _livekit_calls.labels(method, outcome).inc()
        _livekit_seconds.labels(method).observe(perf_counter() - began)


@contextmanager
def showing_numbers(port: int) -> Iterator[None]:
    """At a port of their own, on loopback: for a process that has no HTTP. OSError where there is
    no such port."""
    server, thread = start_http_server(port, "127.0.0.1", REGISTRY)
    server.handle_error = _note_that_not_told  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _note_that_not_told(_request: object, _address: object) -> None:
    """In a line like all others, while the error is handled; the library prints a traceback."""
    logger.warning("numbers not told", exc_info=sys.exc_info())


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start_logging(level: int = logging.INFO) -> None:
    """Send every logger of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)

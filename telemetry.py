"""Logs, and metrics for Prometheus.

A log is one JSON object a line on stderr: its message is a fixed phrase, and values go in `extra`.
The labels of metrics are words of ours or of LiveKit, never a name or an id.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

logger = logging.getLogger("halaqa.metrics")

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

REGISTRY = CollectorRegistry()  # the library's own one would add metrics of the interpreter

_webhooks = Counter(
    "halaqa_webhooks",
    "Counts the webhooks that arrived, by outcome.",
    ["outcome"],
    registry=REGISTRY,
)
_webhook_seconds = Histogram(
    "halaqa_webhook_seconds",
    "Measures the seconds from a webhook's arrival to its answer.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
_door_closures = Counter(
    "halaqa_door_closures",
    "Counts how often this process found that no process had taken webhooks for 10 s.",
    registry=REGISTRY,
)
_transitions = Counter(
    "halaqa_transitions",
    "Counts the moves of sessions, by their new status.",
    ["to"],
    registry=REGISTRY,
)
_work = Counter(
    "halaqa_work",
    "Counts the due work that was started, by kind and outcome.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
_subscriptions = Gauge(
    "halaqa_subscriptions_running",
    "Shows how many subscriptions run in this process.",
    registry=REGISTRY,
)
_watched = Gauge(
    "halaqa_watched_sessions",
    "Shows how many sessions are watched in this process.",
    registry=REGISTRY,
)
_bus_gaps = Counter(
    "halaqa_bus_gaps",
    "Counts how often hints of other processes may have been missed.",
    registry=REGISTRY,
)
_livekit_calls = Counter(
    "halaqa_livekit_calls",
    "Counts the calls to LiveKit's API, by method and outcome.",
    ["method", "outcome"],
    registry=REGISTRY,
)
_livekit_seconds = Histogram(
    "halaqa_livekit_call_seconds",
    "Measures the seconds that calls to LiveKit's API take, by method.",
    ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
_operations = Counter(
    "halaqa_graphql_operations",
    "Counts the GraphQL operations that ended, by kind and outcome.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
_refusals = Counter(
    "halaqa_refusals",
    "Counts the errors that clients were told of, by code: a failed sign-in is INVALID_CREDENTIALS,"
    " and a socket that is closed with 4403 counts as UNAUTHENTICATED.",
    ["code"],
    registry=REGISTRY,
)


def count_webhook(outcome: str, seconds: float) -> None:
    """Count a webhook. `outcome`: a WebhookOutcome, REJECTED or NOT_STORED."""
    _webhooks.labels(outcome).inc()
    _webhook_seconds.observe(seconds)


def count_door_closure() -> None:
    _door_closures.inc()


def count_transitions(to: str, number: int) -> None:
    _transitions.labels(to).inc(number)


def count_work(kind: str, outcome: str) -> None:
    """Count due work. `outcome`: DONE, PUT_OFF, DEADLY, or GIVEN_BACK when its process ended."""
    _work.labels(kind, outcome).inc()


def count_bus_gap() -> None:
    _bus_gaps.inc()


def count_operation(kind: str, outcome: str) -> None:
    """Count a GraphQL operation.

    `kind`: QUERY, MUTATION, SUBSCRIPTION or UNKNOWN. `outcome`: OK, ERRORS or REFUSED.
    """
    _operations.labels(kind, outcome).inc()


def count_refusal(code: str) -> None:
    _refusals.labels(code).inc()


def subscription_started() -> None:
    _subscriptions.inc()


def subscription_ended() -> None:
    _subscriptions.dec()


def watching_started() -> None:
    """Count one more watched session in this process."""
    _watched.inc()


def watching_ended() -> None:
    _watched.dec()


@contextmanager
def calling_livekit(method: str) -> Iterator[None]:
    """Count and time one call. Its outcome is OK or the name of the error that it raises."""
    started, outcome = perf_counter(), "OK"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        _livekit_calls.labels(method, outcome).inc()
        _livekit_seconds.labels(method).observe(perf_counter() - started)


@contextmanager
def serving_metrics(port: int) -> Iterator[None]:
    """Serve the metrics of a process without HTTP, on loopback. Raises OSError if it cannot."""
    server, thread = start_http_server(port, "127.0.0.1", REGISTRY)
    server.handle_error = _log_unserved  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _log_unserved(_request: object, _address: object) -> None:
    """Log the error that is being handled as JSON; the library would print a traceback."""
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

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Format the error and its causes; of the database's errors only what names no value."""
        error: BaseException | None = ei[1]
        parts: list[str] = []
        seen: list[BaseException] = []  # a chain may come back to itself
        while error is not None and error not in seen:
            seen.append(error)
            frames = traceback.format_tb(error.__traceback__)
            parts.append("".join([_TRACEBACK, *frames, *_named(error)]))
            hidden = None if error.__suppress_context__ else error.__context__
            error = error.__cause__ or hidden
        return "\nIt came from this error:\n".join(part.rstrip() for part in parts)


_TRACEBACK = "Traceback (most recent call last):\n"
_WITH_VALUES = {"tortoise", "asyncpg", "sqlite3", "aiosqlite"}  # their texts quote what people sent


def _named(error: BaseException) -> list[str]:
    """Return the last lines of a traceback: the kind of error, and its text if it has no values."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _WITH_VALUES:
        code = getattr(error, "sqlite_errorname", None)  # such as SQLITE_BUSY
        return [f"{kind.__module__}.{kind.__qualname__}" + (f": {code}" if code else "")]
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [*traceback.format_exception_only(error), *(one for e in inner for one in _named(e))]


def describe(error: BaseException) -> str:
    """Describe an error in one line for the log: of the database's errors only the kind."""
    return " ".join(line.strip() for line in _named(error))


def start_logging(level: int = logging.INFO) -> None:
    """Send every logger of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)

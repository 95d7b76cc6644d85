"""Serves numbers to Prometheus: this process's counts and the system's state now.

The numbers name no person, but only the operator may read them: who has HALAQA_METRICS_TOKEN. Where
none is set, that is whoever asks on a machine that serves only itself.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

import telemetry
from domain.system import Component, SystemState
from routes.headers import PRIVATE
from settings import Settings, is_this_machine

logger = logging.getLogger("halaqa.metrics")

# Headers that proxies add, besides all that begin with x-forwarded-.
PROXIED = {"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "cf-ray"} | {
    "cf-connecting-ip",
    "true-client-ip",
    "x-original-host",
    "x-envoy-external-address",
}

ReadState = Callable[[], Awaitable[SystemState]]


class Metrics:
    """Answers `GET /metrics`, also while the database or LiveKit does not answer.

    `read` reads the state that systemStatus shows. A number that is not known is left out. The
    process's own counts are left out unless it `is_alone` behind its port: with several processes
    another one would answer each time.

    A request needs the token of the settings, else 401. Without a token every request gets 404,
    unless the server is local, no proxy passed the request on, and its Host is this machine.
    """

    def __init__(self, read: ReadState, settings: Settings, *, is_alone: bool = True) -> None:
        self._read = read
        self._token = settings.metrics_token
        self._is_local = settings.is_local
        self._counted = telemetry.REGISTRY if is_alone else CollectorRegistry()

    async def answer(self, request: Request) -> Response:
        if self._token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            is_theirs = hmac.compare_digest(given.encode(), self._token.get_secret_value().encode())
            if not (is_theirs and scheme.lower() == "bearer"):
                return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        elif not (self._is_local and _is_from_here(request)):
            return Response(status_code=404)
        found = CollectorRegistry()
        try:
            state = await self._read()
        except Exception:
            logger.warning("system state not read", exc_info=True)
            state = None
        found.register(_Gauges(gauges(state)))
        body = generate_latest(self._counted) + generate_latest(found)
        return Response(body, headers=PRIVATE | {"Content-Type": CONTENT_TYPE_LATEST})


def _is_from_here(request: Request) -> bool:
    """Tell whether the request shows no sign of a proxy or of another machine's name."""
    names = request.headers.keys()
    if not PROXIED.isdisjoint(names) or any(name.startswith("x-forwarded-") for name in names):
        return False
    try:
        return is_this_machine(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
    except ValueError:
        return False


class _Gauges(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def gauges(state: SystemState | None) -> Iterator[Metric]:
    """Yield the state as numbers. A state that could not be read is an unreachable database."""
    name = "halaqa_component_reachable"
    family = GaugeMetricFamily(name, "Whether a part answers: 1 or 0.", labels=["component"])
    parts = {"database": Component(False, "")} if state is None else state.components
    for component, part in parts.items():
        family.add_metric([component], part.is_reachable)
    yield family
    yield _gauge(
        "healthy", "What systemStatus says: 1 or 0.", state is not None and state.is_healthy
    )
    if state is not None:
        yield from _clock_gauges(state)
        yield from _webhook_gauges(state)


def _clock_gauges(state: SystemState) -> Iterator[Metric]:
    status = state.clock
    yield _gauge("clock_running", "Whether any clock runs: 1 or 0.", status.is_running)
    if status.last_beat_at is not None:
        age = (state.as_of - status.last_beat_at).total_seconds()
        yield _gauge("clock_last_beat_age_seconds", "Since a clock last beat.", age)
    yield _gauge("clock_skew_seconds", "The database's clock less ours.", status.skew_ms / 1000)
    yield _gauge("overdue_sessions", "Sessions whose move is late.", status.overdue_sessions)
    oldest = status.oldest_overdue_seconds
    yield _gauge("oldest_overdue_seconds", "How late the latest of them is.", oldest)
    yield _gauge("overdue_work", "Work that is late.", status.overdue_work)
    yield _gauge("untried_work", "Late work that nobody has tried.", status.untried_work)
    yield _gauge("failed_work", "Work that failed again and again.", status.failed_work)


def _webhook_gauges(state: SystemState) -> Iterator[Metric]:
    status = state.webhooks
    yield _gauge("webhooks_silent", "Whether LiveKit does not tell: 1 or 0.", status.is_silent)
    if status.last_received_at is not None:
        age = (state.as_of - status.last_received_at).total_seconds()
        yield _gauge("webhook_last_age_seconds", "Since the last webhook arrived.", age)
    hour = "in the last hour, at all processes."
    yield _gauge("webhooks_received_last_hour", f"Webhooks {hour}", status.received_last_hour)
    yield _gauge("webhooks_rejected_last_hour", f"Unsigned {hour}", status.rejected_last_hour)
    yield _gauge("webhooks_poison_last_hour", f"Unreadable {hour}", status.poison_last_hour)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"halaqa_{name}", text, value=value)

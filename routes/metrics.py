"""Numbers for Prometheus: what this process counted, and the system's state as it is now.

They name nobody, but they are the operator's: what came through a proxy is answered with 404.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

import telemetry
from domain.system import Component, SystemState

logger = logging.getLogger("halaqa.metrics")

PROXIED = ("forwarded", "x-forwarded-for")

ReadState = Callable[[], Awaitable[SystemState]]


class Metrics:
    """`GET /metrics`. `read` gives the state that systemStatus tells. Answers also while the
    database or LiveKit does not: a number that cannot be known is left out. So is what this process
    counted, unless it `is_alone` behind its port: each time another would answer."""

    def __init__(self, read: ReadState, *, is_alone: bool = True) -> None:
        self._read = read
        self._counted = telemetry.REGISTRY if is_alone else CollectorRegistry()

    async def answer(self, request: Request) -> Response:
        if any(name in request.headers for name in PROXIED):
            return Response(status_code=404)
        found = CollectorRegistry()
        found.register(_Found(gauges(await self._state())))
        body = generate_latest(self._counted) + generate_latest(found)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _state(self) -> SystemState | None:
        try:
            return await self._read()
        except Exception:
            logger.warning("system state not read", exc_info=True)
            return None


class _Found(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def gauges(state: SystemState | None) -> Iterator[Metric]:
    """The state as numbers; where it could not be read, that the database is not reachable."""
    yield _components(state)
    yield _gauge(
        "healthy", "What systemStatus says: 1 or 0.", state is not None and state.is_healthy
    )
    if state is not None:
        yield from _of_clock(state)
        yield from _of_webhooks(state)


def _components(state: SystemState | None) -> Metric:
    name = "halaqa_component_reachable"
    family = GaugeMetricFamily(name, "Whether a part answers: 1 or 0.", labels=["component"])
    parts = {"database": Component(False, "")} if state is None else state.components
    for component, part in parts.items():
        family.add_metric([component], part.is_reachable)
    return family


def _of_clock(state: SystemState) -> Iterator[Metric]:
    ticking = state.clock
    yield _gauge("clock_running", "Whether any clock runs: 1 or 0.", ticking.is_running)
    if ticking.last_beat_at is not None:
        age = (state.as_of - ticking.last_beat_at).total_seconds()
        yield _gauge("clock_last_beat_age_seconds", "Since a clock last beat.", age)
    yield _gauge("clock_skew_seconds", "The database's clock less ours.", ticking.skew_ms / 1000)
    yield _gauge("overdue_sessions", "Sessions whose move is late.", ticking.overdue_sessions)
    oldest = ticking.oldest_overdue_seconds
    yield _gauge("oldest_overdue_seconds", "How late the latest of them is.", oldest)
    yield _gauge("overdue_work", "Work that is late.", ticking.overdue_work)
    yield _gauge("untried_work", "Late work that nobody has tried.", ticking.untried_work)
    yield _gauge("failed_work", "Work that failed again and again.", ticking.failed_work)


def _of_webhooks(state: SystemState) -> Iterator[Metric]:
    told = state.webhooks
    yield _gauge("webhooks_silent", "Whether LiveKit does not tell: 1 or 0.", told.is_silent)
    if told.last_received_at is not None:
        age = (state.as_of - told.last_received_at).total_seconds()
        yield _gauge("webhook_last_age_seconds", "Since the last webhook arrived.", age)
    hour = "in the last hour, at all processes."
    yield _gauge("webhooks_received_last_hour", f"Webhooks {hour}", told.received_last_hour)
    yield _gauge("webhooks_rejected_last_hour", f"Unsigned {hour}", told.rejected_last_hour)
    yield _gauge("webhooks_poison_last_hour", f"Unreadable {hour}", told.poison_last_hour)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"halaqa_{name}", says, value=value)

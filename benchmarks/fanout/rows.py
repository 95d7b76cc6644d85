"""The table: what each row measures, and which of its figures are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.fanout.load import measure
from benchmarks.fanout.servers import Server, Workload, running

Measured = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the load client, and its column. The first one of a row is compared."""

    key: str
    column: str
    digits: int = 0


FLOOD = (
    Figure("cpu_us_per_message", "CPU µs/message", 1),
    Figure("messages_per_s", "messages/s"),
    Figure("last_p50_ms", "last p50 ms", 1),
    Figure("last_p99_ms", "last p99 ms", 1),
    Figure("message_bytes", "bytes"),
    Figure("client_busy", "client busy", 2),
)
ARRIVAL = (
    Figure("all_s", "last snapshot s", 2),
    Figure("first_ms", "first ms"),
    Figure("cpu_ms_each", "CPU ms each", 2),
    Figure("quarters_s", "s for each quarter", 2),
)


@dataclass(frozen=True, slots=True)
class Row:
    """`options` are the load client's; `quick` ones are smaller, only to see that it works."""

    name: str
    title: str
    mode: str
    workload: Workload
    options: Mapping[str, object]
    figures: tuple[Figure, ...]
    quick: Workload
    quick_options: Mapping[str, object] = field(default_factory=dict)
    is_for_peers: bool = True
    is_for_before: bool = True  # False: it would take the build before too long
    compares: bool = True  # the first figure is a cost; show it as so many times another server's

    def smaller(self) -> "Row":
        options = {**self.options, **self.quick_options}
        return replace(self, workload=self.quick, options=options)


ROWS = (
    Row(
        "one",
        "One session, all watch it; the hub is fed directly; one event in flight",
        "flood",
        Workload(1000),
        {"seconds": 6},
        FLOOD,
        Workload(100),
        {"seconds": 1},
    ),
    Row(
        "written",
        "The same with the write path in: signed webhooks, one in flight",
        "flood",
        Workload(1000, is_written=True),
        {"seconds": 6},
        FLOOD,
        Workload(100, is_written=True),
        {"seconds": 1},
        is_for_peers=False,
    ),
    Row(
        "many",
        "Sessions with one watcher each; an event in each at once",
        "flood",
        Workload(1000, sessions=1000),
        {"seconds": 6},
        FLOOD,
        Workload(40, sessions=40),
        {"seconds": 1},
    ),
    Row(
        "rate",
        "One session, ten events a second: when the last watcher has each",
        "rate",
        Workload(1000),
        {"seconds": 10, "rate": 10},
        (
            Figure("last_p99_ms", "last p99 ms", 1),
            Figure("last_p50_ms", "last p50 ms", 1),
            Figure("last_max_ms", "most ms", 1),
            Figure("server_busy", "server busy", 2),
        ),
        Workload(100),
        {"seconds": 2},
    ),
    Row(
        "arrival",
        "Subscribes in a row, 64 at a time",
        "arrival",
        Workload(5000),
        {"in_flight": 64},
        ARRIVAL,
        Workload(200),
    ),
    Row(
        "idle",
        "Idle subscribers, a server's pings included",
        "idle",
        Workload(10_000),
        {"in_flight": 64, "hold": 45},
        (
            Figure("kib_each", "KiB each", 1),
            Figure("percent_of_core", "% of a core", 2),
            Figure("pings", "pings"),
            Figure("live", "still there"),
        ),
        Workload(400),
        {"hold": 5},
    ),
    Row(
        "together",
        "All reconnect at once",
        "arrival",
        Workload(2000),
        {"in_flight": 2000},
        ARRIVAL,
        Workload(200),
        {"in_flight": 200},
    ),
    Row(
        "stalled",
        "Some never read, until they are closed; their buffers are small, so that it shows soon",
        "stalled",
        Workload(1000, has_small_buffers=True),
        {"seconds": 9, "stalled": 20, "hold": 180},
        (
            Figure("cpu_us_all_read", "CPU µs/message, all read", 2),
            Figure("cpu_us_some_stalled", "some do not", 2),
            Figure("per_reader_all_read", "events/s, all read", 1),
            Figure("per_reader_some_stalled", "some do not", 1),
            Figure("closed", "closed"),
            Figure("closed_after_s", "after s", 1),
            Figure("memory_mib", "MiB before, most, after", 1),
        ),
        Workload(20, has_small_buffers=True),
        {"seconds": 1, "stalled": 2, "hold": 60},
        is_for_peers=False,
        compares=False,
    ),
    Row(
        "memory",
        "Memory over ten million messages; the hub is fed directly",
        "flood",
        Workload(1000),
        {"events": 10_000},
        (Figure("memory_mib", "MiB at each tenth", 1), Figure("messages", "messages")),
        Workload(100),
        {"events": 300},
        is_for_peers=False,
        is_for_before=False,
        compares=False,
    ),
)


def measure_row(row: Row, server: Server) -> Measured:
    """Start the server, load it and end it. LoadError if one of them fails."""
    with running(server, row.workload) as here:
        options = here.options | {"connections": row.workload.watchers} | dict(row.options)
        return measure(row.mode, options)

"""Measure how events fan out to many screens, beside another build and beside peers.

docs/performance.md says what each row means and which figure to trust.
"""

import argparse
import os
import platform
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

import clock
from benchmarks.fanout.load import LoadError, compiled, run
from benchmarks.fanout.peers.kinds import peers
from benchmarks.fanout.results import Raw, Taken, print_row, say
from benchmarks.fanout.rows import ROWS, Row, measure_row
from benchmarks.fanout.servers import ROOT, Halaqa, Server

ROUNDS = 3
OURS, BEFORE = "this tree", "before"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    names = ", ".join(row.name for row in ROWS)
    parser.add_argument("--only", nargs="+", metavar="ROW", help=f"some rows only: {names}")
    parser.add_argument("--servers", nargs="+", metavar="NAME", help="some servers only, by name")
    parser.add_argument("--against", type=Path, metavar="PATH", help="a checkout to compare with")
    parser.add_argument(
        "--rounds", type=int, help=f"how often each is measured, by default {ROUNDS}"
    )
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    given = parser.parse_args()
    unknown = set(given.only or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {names}")
    return given


def main() -> None:
    given = arguments()
    _allow_many_files()
    try:
        compiled("load")
    except LoadError as error:
        raise SystemExit(str(error)) from None
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    with tempfile.TemporaryDirectory(prefix="fanout-") as folder:
        servers = _installed(_servers(given, Path(folder)))
        if not servers:
            raise SystemExit("No server is left to measure.")
        about = {"machine": platform.platform(), "load": os.getloadavg(), "quick": given.quick}
        raw = Raw(clock.now(), {**about, "servers": {one.name: _commit(one) for one in servers}})
        for row in rows:
            _measure(row.smaller() if given.quick else row, servers, rounds, raw)
    say(f"\nRaw results: {raw.path}")


def _servers(given: argparse.Namespace, filled: Path) -> list[Server]:
    all_of_them: list[Server] = [Halaqa(OURS, ROOT, filled)]
    if given.against is not None:
        all_of_them.append(Halaqa(BEFORE, given.against.resolve(), filled))
    all_of_them += peers()
    return [one for one in all_of_them if not given.servers or one.name in given.servers]


def _installed(servers: Sequence[Server]) -> list[Server]:
    """Leave out by name what cannot be had here."""
    there = []
    for server in servers:
        try:
            server.prepare()
            there.append(server)
        except LoadError as error:
            say(f"{server.name} is left out. {error}")
    return there


def _commit(server: Server) -> str:
    """Say which commit a checkout of ours is at, and if it was changed since."""
    if not isinstance(server, Halaqa):
        return "pinned"
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return run(command, "No commit", server.folder).strip()
    except LoadError:
        return "not known"


def _measure(row: Row, servers: Sequence[Server], rounds: int, raw: Raw) -> None:
    """Measure one row in rounds, one server after the other, so that all share the weather."""
    taken: Taken = {server.name: [] for server in servers if _takes_part(row, server)}
    for number in range(rounds):
        for server in servers:
            if server.name not in taken:
                continue
            line = {"row": row.name, "server": server.name, "round": number}
            try:
                measured = measure_row(row, server)
                taken[server.name].append(measured)
                raw.add({**line, **measured, "load": os.getloadavg()[0]})
            except LoadError as error:
                say(f"{row.name}: {server.name} failed. {error}")
                raw.add({**line, "failure": str(error)})
    print_row(row, taken)


def _takes_part(row: Row, server: Server) -> bool:
    if server.name == OURS:
        return True
    return row.is_for_before if server.name == BEFORE else row.is_for_peers


def _allow_many_files() -> None:
    """Raise the limit of open files, also for the processes that are started."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()

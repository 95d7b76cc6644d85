"""`attendance`: shows how attendance was computed, and computes it again."""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from tortoise.expressions import Q, Subquery

import clock
import settings
from actions.attendance.recalculation import recalculate_session
from actions.clock.manual_run import Done
from cli.attendance_tables import overview, tables_of
from cli.database import opened
from cli.options import (
    Dry,
    Kind,
    OptionalSessionId,
    Slug,
    Verbose,
    print_counts,
    print_lines,
    selected_sessions,
)
from cli.parts import Stop, blocking
from domain.attendance.fold import ATTENDANCE_RULE
from models import MeetingAttendanceEvent, Session

REDRAW_EVERY_S = 1.0
FILE_WIDTH = 160  # columns where there is no terminal: enough for every table

Watch = Annotated[bool, typer.Option("--watch", help="Draw it again every second, until Ctrl-C.")]
Lines = Annotated[int, typer.Option(min=1, max=10_000, help="How much of the log's end to show.")]

attendance_commands = typer.Typer(no_args_is_help=True, help="Who was there, and why we say so.")


@attendance_commands.command()
@blocking
async def debug(session: OptionalSessionId = None, watch: Watch = False, lines: Lines = 50) -> None:
    """Print who is in the live sessions; of one session rows, cycles and the log behind them."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, emoji=False, width=FILE_WIDTH)
    async with opened(settings.current().database_url):
        if not watch:
            console.print(await _drawn(session, lines))
            return
        with Live(console=console, auto_refresh=False) as live:
            draw = live.update if console.is_terminal else console.print
            while True:
                draw(await _drawn(session, lines))
                live.refresh()
                await asyncio.sleep(REDRAW_EVERY_S)


async def _drawn(session_id: int | None, lines: int) -> RenderableType:
    if session_id is None:
        return await overview(clock.now())
    session = await Session.get_or_none(id=session_id)
    if session is None:
        raise Stop(f"There is no session {session_id}.")
    return await tables_of(session, clock.now(), lines)


@attendance_commands.command()
@blocking
async def recalculate(
    session: OptionalSessionId = None,
    academy: Slug = None,
    kind: Kind = None,
    dry_run: Dry = False,
    verbose: Verbose = False,
) -> None:
    """Compute attendance again from the log: of one session, or of all that may have any."""
    done = Done()
    async with selected_sessions(academy, kind) as which:
        logged = Subquery(MeetingAttendanceEvent.all().values("session_id"))
        opened_or_logged = Q(opened_at__isnull=False) | Q(id__in=logged)
        every = which.rows().filter(opened_or_logged).order_by("id")
        rows = every if session is None else which.rows().filter(id=session)
        session_ids: list[Any] = list(await rows.values_list("id", flat=True))
        if session is not None and not session_ids:
            raise Stop(f"There is no session {session} of these.")
        for session_id in session_ids:
            done.checked += 1
            try:
                repair = await recalculate_session(session_id, clock.now(), is_trial=dry_run)
            except Exception as error:  # the other sessions are computed all the same
                done.failed += 1
                done.lines.append((session_id, f"failed: {error!r}"))
                continue
            is_rejudged = repair.former_rule != ATTENDANCE_RULE
            if repair.rows or repair.facts or is_rejudged:
                done.changed += 1
                rules = f", judged by rule {ATTENDANCE_RULE}, before by rule {repair.former_rule}"
                line = f"{repair.rows} rows, {repair.facts} facts{rules if is_rejudged else ''}"
                done.lines.append((session_id, line))
    print_lines(done.lines, is_verbose=verbose)
    word = "would change" if dry_run else "changed"
    print_counts({"checked": done.checked, word: done.changed, "failed": done.failed})

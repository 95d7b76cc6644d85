"""`sessions`: shows one session, lists the stuck ones, and makes late changes of status."""

import json

import typer

import clock
from actions.clock.manual_run import update_statuses
from cli.meetings import manage
from cli.options import (
    AsJson,
    Dry,
    Kind,
    SessionId,
    Slug,
    Verbose,
    console,
    print_counts,
    print_lines,
    selected_sessions,
)
from cli.parts import Stop, blocking
from cli.session_page import page_of
from models import Session
from models.reading.stuck import find_stuck

session_commands = typer.Typer(no_args_is_help=True, help="Sessions: one, the stuck, the late.")


@session_commands.command()
@blocking
async def show(number: SessionId) -> None:
    """Print all there is to know about a session."""
    async with selected_sessions(None, None):
        session = await Session.get_or_none(id=number).select_related("academy", "teacher")
        if session is None:
            raise Stop("There is no such session.")
        for line in await page_of(session, clock.now()):
            console.print(line, markup=False)


@session_commands.command()
@blocking
async def stuck(academy: Slug = None, kind: Kind = None, as_json: AsJson = False) -> None:
    """List the sessions with which something is wrong; exit code 1 if there are any."""
    async with selected_sessions(academy, kind) as which:
        of_all_kinds = find_stuck(0, clock.now(), which.academy_id or 0)
        found = [pair async for pair in of_all_kinds if kind in (None, pair[0].kind)]
    if as_json:
        rows = [
            {"session": row.id, "reason": why.reason, "since": f"{why.since:%FT%TZ}"}
            | {"detail": why.detail}
            for row, why in found
        ]
        typer.echo(json.dumps({"stuck": rows}))
    else:
        for row, why in found:
            line = f"{row.id}  {why.reason}  since {why.since:%F %T}Z  {why.detail or ''}"
            console.print(line.rstrip(), markup=False)
        print_counts({"stuck": len(found)})
    if found:
        raise typer.Exit(1)


@session_commands.command("update-statuses")
@blocking
async def update(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Make every change of status that is due, as the clock would, also of parked sessions."""
    async with selected_sessions(academy, kind) as which:
        done = await update_statuses(clock.now(), which, is_dry=dry_run)
    print_lines(done.lines, is_verbose=verbose)
    counts = {"checked": done.checked, "updated": done.changed, "failed": done.failed}
    print_counts(counts, is_dry=dry_run)


session_commands.command("manage-meetings")(manage)

"""`meetings`: makes the meetings that are to come or missing, and ends those that are over."""

import typer

import clock
import settings
from actions.clock.manual_run import create_scheduled
from actions.clock.safety_net import catch_forgotten
from actions.rooms.cleanup import Cleaned, clean_up
from cli.options import (
    Dry,
    Kind,
    Slug,
    Verbose,
    console,
    print_counts,
    print_lines,
    selected_sessions,
)
from cli.parts import Stop, blocking
from gateways.livekit import connected

SILENT = "LiveKit does not answer: its rooms were not looked at."

meeting_commands = typer.Typer(no_args_is_help=True, help="Meetings: ahead, and over.")


@meeting_commands.command("create-scheduled")
@blocking
async def create(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Make the meetings of sessions that start soon, as their academies look ahead."""
    async with selected_sessions(academy, kind) as which:
        done = await create_scheduled(clock.now(), which, is_dry=dry_run)
    print_lines(done.lines, is_verbose=verbose)
    counts = {"checked": done.checked, "created": done.changed, "failed": done.failed}
    print_counts(counts, is_dry=dry_run)


@meeting_commands.command("cleanup-expired")
@blocking
async def cleanup(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Complete sessions whose time is up, and close the rooms of those that are over."""
    async with selected_sessions(academy, kind) as which, connected(settings.current()) as livekit:
        cleaned = await clean_up(livekit, clock.now(), which, is_dry=dry_run)
    _print_cleaned(cleaned, is_dry=dry_run, is_verbose=verbose)
    if cleaned.is_silent:
        raise Stop(SILENT)


@blocking
async def manage(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Do all of it at once: make the meetings to come and the missing ones, end the expired."""
    async with selected_sessions(academy, kind) as which, connected(settings.current()) as livekit:
        now = clock.now()
        ahead = await create_scheduled(now, which, is_dry=dry_run)
        missing = await catch_forgotten(now, which, is_dry=dry_run)
        cleaned = await clean_up(livekit, now, which, is_dry=dry_run)
    print_lines(ahead.lines, is_verbose=verbose)
    console.print(f"ahead: {ahead.checked} checked, {ahead.changed} created.")
    counts = f"{missing.checked} checked, {missing.made} made, {missing.finalised} to be finalised"
    console.print(f"missing: {counts}.")
    _print_cleaned(cleaned, is_dry=dry_run, is_verbose=verbose)
    if ahead.failed or missing.failed:
        raise typer.Exit(1)
    if cleaned.is_silent:
        raise Stop(SILENT)


def _print_cleaned(cleaned: Cleaned, *, is_dry: bool, is_verbose: bool) -> None:
    lines = [
        (one.id, f"{one.status}, its end was {one.ends_at:%F %T}Z")
        for one in cleaned.expired.values()
    ]
    print_lines(lines, is_verbose=is_verbose)
    found = {"checked": cleaned.expired, "ended": cleaned.ended, "failed": cleaned.failed}
    print_counts({name: len(ones) for name, ones in found.items()}, is_dry=is_dry)

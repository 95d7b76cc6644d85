"""`webhooks activity`: prints the webhooks that arrive, and what became of each."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import clock
from cli.options import SessionOption, Slug, selected_sessions
from cli.parts import blocking
from models.reading.webhook_log import WebhookEntry, WebhookFilter, read_entries

LATEST_SHOWN = 20
POLL_EVERY_S = 1.0
# A webhook may be stored later than others that were received after it: read this far back again.
OVERLAP = timedelta(seconds=10)
COLOURS = {"APPLIED": "green", "DUPLICATE": "cyan", "IGNORED": "dim", "POISON": "red"}

Watch = Annotated[bool, typer.Option("--watch", help="Go on with what comes, until Ctrl-C.")]

webhook_commands = typer.Typer(no_args_is_help=True, help="What LiveKit tells.")


@webhook_commands.command()
@blocking
async def activity(
    watch: Watch = False, academy: Slug = None, session: SessionOption = None
) -> None:
    """Print the latest webhooks and what became of each, the newest last."""
    async with selected_sessions(academy, None) as which:
        wanted = WebhookFilter(academy_id=which.academy_id, session_id=session)
        latest = (await read_entries(wanted, first=LATEST_SHOWN)).rows[::-1]
        _print(latest)
        if not watch:
            typer.echo(f"{len(latest)} shown.")
            return
        async for entry in following(wanted, latest):
            _print([entry])


async def following(
    wanted: WebhookFilter, shown: list[WebhookEntry]
) -> AsyncIterator[WebhookEntry]:
    """Yield what arrives after the shown ones, each once, the oldest first. Never ends."""
    known = {entry.place: entry.received_at for entry in shown}
    since = max(known.values(), default=clock.now())
    while True:
        recent: list[WebhookEntry] = []
        after, has_more = None, True
        while has_more:  # pages are the newest first
            page = await read_entries(wanted, first=100, after=after)
            recent += [entry for entry in page.rows if entry.received_at >= since - OVERLAP]
            has_more = page.has_next and page.rows[-1].received_at >= since - OVERLAP
            after = page.rows[-1].cursor if page.rows else None
        for entry in reversed(recent):
            if entry.place not in known and (shown or entry.received_at >= since):
                yield entry
            known[entry.place] = entry.received_at
        since = max([since, *known.values()])
        known = {place: at for place, at in known.items() if at >= since - OVERLAP}
        await asyncio.sleep(POLL_EVERY_S)


def _print(shown: list[WebhookEntry]) -> None:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for entry in shown:
        outcome = entry.outcome.value
        parts = [
            f"{entry.received_at:%Y-%m-%d %H:%M:%S}Z",
            f"[{COLOURS[outcome]}]{outcome:<9}[/]",
            f"{escape(entry.kind):<30}",
            f"session {entry.session_id}" if entry.session_id else "no session",
            f"user {entry.user_id}" if entry.user_id else "",
            escape(entry.room_name or ""),
            escape(f"({entry.detail})" if entry.detail else ""),
        ]
        console.print("  ".join(part for part in parts if part))

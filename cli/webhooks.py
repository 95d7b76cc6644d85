"""What LiveKit tells, as it comes; and what it would tell, tried at our own door."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import clock
from cli.choosing import OfSession, Slug, choosing
from models.reading.webhook_log import WebhookEntry, WebhookFilter, read_entries

SHOWN = 20
EVERY_S = 1.0
# What is stored late was received before it: so far back is looked again.
OVERLAP = timedelta(seconds=10)
COLOURS = {"APPLIED": "green", "DUPLICATE": "cyan", "IGNORED": "dim", "POISON": "red"}

Watch = Annotated[bool, typer.Option("--watch", help="Go on with what comes, until Ctrl-C.")]

webhook_commands = typer.Typer(no_args_is_help=True, help="What LiveKit tells.")


@webhook_commands.command()
def activity(watch: Watch = False, academy: Slug = None, session: OfSession = None) -> None:
    """Print the latest webhooks and what became of each, the newest last."""
    asyncio.run(_activity(academy, session, is_watching=watch))


async def _activity(slug: str | None, session: int | None, *, is_watching: bool) -> None:
    async with choosing(slug, None) as which:
        wanted = WebhookFilter(academy_id=which.academy_id, session_id=session)
        latest = (await read_entries(wanted, first=SHOWN)).rows[::-1]
        _print(latest)
        if not is_watching:
            typer.echo(f"{len(latest)} shown.")
            return
        async for entry in following(wanted, latest):
            _print([entry])


async def following(
    wanted: WebhookFilter, seen: list[WebhookEntry], every_s: float = EVERY_S
) -> AsyncIterator[WebhookEntry]:
    """What comes after those seen, each once, the oldest first. Never ends."""
    known = {entry.place: entry.received_at for entry in seen}
    since = max(known.values(), default=clock.now())
    while True:
        for entry in await _after(wanted, since - OVERLAP):
            if entry.place not in known and (seen or entry.received_at >= since):
                yield entry
            known[entry.place] = entry.received_at
        since = max([since, *known.values()])
        known = {place: at for place, at in known.items() if at >= since - OVERLAP}
        await asyncio.sleep(every_s)


async def _after(wanted: WebhookFilter, moment: datetime) -> list[WebhookEntry]:
    found: list[WebhookEntry] = []
    after, has_more = None, True
    while has_more:
        page = await read_entries(wanted, first=100, after=after)
        found += [entry for entry in page.rows if entry.received_at >= moment]
        has_more = page.has_next and page.rows[-1].received_at >= moment
        after = page.rows[-1].cursor if page.rows else None
    return found[::-1]


def _print(shown: list[WebhookEntry]) -> None:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for entry in shown:
        console.print(_line(entry))


def _line(entry: WebhookEntry) -> str:
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
    return "  ".join(part for part in parts if part)

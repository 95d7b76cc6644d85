"""`webhooks simulate`: signed as LiveKit signs, posted to our own door, and what came of it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

import clock
import settings
from cli.choosing import Number, OfUser
from cli.database import opened
from cli.parts import Stop
from domain.attendance.fold import EventKind
from domain.attendance.state import Window, from_ms, to_ms
from domain.webhook import WebhookOutcome
from gateways.livekit_simulation import Event, Guest, Sender, SimulatedRoom, Stay
from gateways.livekit_tokens import identity_of
from models import MeetingAttendanceEvent, Session, SessionParticipant, User, WebhookReceipt
from models.reading.rosters import read_states
from settings import Settings

LEFT = "CLIENT_INITIATED"
SHORT = timedelta(seconds=40)
# Of the time that `cycle` takes: in, out, in, out, in.
CYCLES = ((0.0, 0.4), (0.5, 0.7), (0.8, 1.0))

Ago = Annotated[int, typer.Option(min=0, max=600, help="How many minutes ago they came.")]
Length = Annotated[int, typer.Option(min=1, max=600, help="How many minutes all of it takes.")]
Url = Annotated[str | None, typer.Option(help="The door; left out: this machine's at HALAQA_PORT.")]

simulations = typer.Typer(
    no_args_is_help=True,
    help="Tell our own door what LiveKit would. It counts as attendance, for ever: for trials.",
)


@simulations.command()
def join(session: Number, user: OfUser, minutes: Ago = 0, url: Url = None) -> None:
    """Somebody comes in."""
    _run(session, user, url, lambda trial: trial.join(timedelta(minutes=minutes)))


@simulations.command()
def leave(session: Number, user: OfUser, url: Url = None) -> None:
    """Who came in last goes."""
    _run(session, user, url, lambda trial: trial.leave())


@simulations.command()
def cycle(session: Number, user: OfUser, minutes: Length = 30, url: Url = None) -> None:
    """Somebody comes and goes three times; the last time they went is now."""
    _run(session, user, url, lambda trial: trial.stays(timedelta(minutes=minutes), CYCLES))


@simulations.command()
def short(session: Number, user: OfUser, url: Url = None) -> None:
    """Somebody stays for less than a minute, until now."""
    _run(session, user, url, lambda trial: trial.stays(SHORT, ((0.0, 1.0),)))


Plan = Callable[["Trial"], Coroutine[Any, Any, None]]


def _run(session: int, user: int, url: str | None, plan: Plan) -> None:
    asyncio.run(_try_out(session, user, url, plan))


async def _try_out(session_id: int, user_id: int, url: str | None, plan: Plan) -> None:
    given = settings.current()
    async with opened(given.database_url):
        session = await Session.get_or_none(id=session_id)
        user = await User.get_or_none(id=user_id)
        if session is None or user is None:
            raise Stop("There is no such session." if session is None else "There is no such user.")
        if session.room_name is None:
            raise Stop("This session has no meeting yet, so LiveKit cannot tell of it.")
        sender = _sender(given, url)
        trial = Trial(sender, session, user, clock.now())
        try:
            await plan(trial)
        finally:
            await sender.aclose()
        await _print_attendance(session, user)
    if trial.is_refused:
        raise typer.Exit(1)


def _sender(given: Settings, url: str | None) -> Sender:
    door = url or f"http://127.0.0.1:{given.port}/webhooks/livekit"
    return Sender(door, given.livekit_api_key, given.livekit_api_secret.get_secret_value())


@dataclass(slots=True)
class Trial:
    """One person in one room. `moment` is when what is told next happens: now, or before."""

    sender: Sender
    session: Session
    user: User
    moment: datetime
    is_refused: bool = False

    async def join(self, ago: timedelta) -> None:
        self.moment -= ago
        await (await self._room()).join(self._guest)

    async def leave(self) -> None:
        line = await self._last_join()
        stay = Stay(self._guest, str(line.participant_sid), from_ms(line.joined_ms or 0))
        await (await self._room()).leave(stay, LEFT)

    async def stays(self, length: timedelta, shares: tuple[tuple[float, float], ...]) -> None:
        began = self.moment - length
        self.moment = began
        room = await self._room()
        for start, end in shares:
            self.moment = began + start * length
            stay = await room.join(self._guest)
            self.moment = began + end * length
            await room.leave(stay, LEFT)

    async def send(self, event: Event, now: datetime) -> None:
        """Signed now, whenever it happened; and say what became of it."""
        status = await self.sender.send_once(event, clock.now())
        if status is None:
            raise Stop("The door does not answer: is the server running? Give another with --url.")
        if status != 200:
            raise Stop(f"The door answered {status}: {_why(status)}")
        outcome = await _outcome(event["id"])
        typer.echo(f"{event['event']:<20} {now:%H:%M:%S}Z  {outcome}")
        self.is_refused |= outcome.startswith(WebhookOutcome.POISON)

    @property
    def _guest(self) -> Guest:
        return guest_of(self.user)

    async def _room(self) -> SimulatedRoom:
        """The room that is there; where there is none a new one."""
        name, sid = str(self.session.room_name), self.session.room_sid
        made_ms = self.session.room_created_ms
        made_at = from_ms(made_ms) if made_ms else None
        room = SimulatedRoom(name, self, lambda: self.moment, sid=sid, made_at=made_at)
        if sid is None:
            await room.open()
        return room

    async def _last_join(self) -> MeetingAttendanceEvent:
        lines = MeetingAttendanceEvent.filter(session_id=self.session.id, user_id=self.user.id)
        left = lines.filter(kind=EventKind.LEFT)
        gone: list[Any] = list(await left.values_list("participant_sid", flat=True))
        joins = await lines.filter(kind=EventKind.JOINED).order_by("-id")
        for line in joins:
            if line.participant_sid is not None and line.participant_sid not in gone:
                return line
        raise Stop("They are not in the room as far as LiveKit told: nobody can leave.")


def _why(status: int) -> str:
    if status == 401:
        return "its keys are not those of our settings, or its clock is not ours."
    return "it could not store the event." if status >= 500 else "it is not the door of webhooks."


async def _outcome(event_id: str) -> str:
    if await MeetingAttendanceEvent.exists(source_id=event_id):
        return "APPLIED"
    receipt = await WebhookReceipt.get_or_none(id=event_id)
    return f"{receipt.outcome}: {receipt.detail}" if receipt else "not in our database"


async def _print_attendance(session: Session, user: User) -> None:
    row = await SessionParticipant.get_or_none(session_id=session.id, user_id=user.id)
    if row is None:
        typer.echo("They have no attendance in this session.")
        return
    (state,) = await read_states([row])
    found = state.result
    session = await Session.get(id=session.id)
    total_s = state.total_ms(Window.of(session.scheduled_at, session.ends_at), to_ms(clock.now()))
    status = found.status.value if found.status else "no status before the end"
    typer.echo(
        f"{found.presence.value}, {found.join_count} joins, {found.leave_count} leaves, "
        f"{len(found.cycles)} cycles, {total_s // 1000} s that count; {status}. "
        f"The session is {session.status.value}."
    )


def guest_of(user: User) -> Guest:
    metadata = {"name": user.display_name, "role": user.role, "userId": user.id}
    identity = identity_of(user.id, user.first_name, user.last_name)
    return Guest(identity, user.display_name, json.dumps(metadata, ensure_ascii=False))

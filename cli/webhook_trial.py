"""`webhooks simulate`: posts signed webhooks to our own server and prints what came of them."""

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

import clock
import settings
from cli.database import opened
from cli.options import SessionId, UserOption
from cli.parts import Stop, blocking
from domain.attendance.fold import EventKind
from domain.attendance.state import from_ms, to_ms
from domain.webhook import WebhookOutcome
from gateways.livekit_simulation import Event, Guest, Sender, SimulatedRoom, Stay
from gateways.livekit_tokens import identity_of
from models import MeetingAttendanceEvent, Session, SessionParticipant, User, WebhookReceipt
from models.reading.attendance_log import window_of
from models.reading.rosters import read_states

LEFT = "CLIENT_INITIATED"
SHORT_STAY = timedelta(seconds=40)
# The start and the end of each stay, as shares of the time that `cycle` takes.
CYCLE_STAYS = ((0.0, 0.4), (0.5, 0.7), (0.8, 1.0))

Ago = Annotated[int, typer.Option(min=0, max=600, help="How many minutes ago they came.")]
Length = Annotated[int, typer.Option(min=1, max=600, help="How many minutes all of it takes.")]
Url = Annotated[str | None, typer.Option(help="The door; left out: this machine's at HALAQA_PORT.")]

simulations = typer.Typer(
    no_args_is_help=True,
    help="Tell our own door what LiveKit would. It counts as attendance, for ever: for trials.",
)


@simulations.command()
@blocking
async def join(session: SessionId, user: UserOption, minutes: Ago = 0, url: Url = None) -> None:
    """Somebody comes in."""
    await _simulate(session, user, url, lambda trial: trial.join(timedelta(minutes=minutes)))


@simulations.command()
@blocking
async def leave(session: SessionId, user: UserOption, url: Url = None) -> None:
    """Somebody leaves: the connection that came in last."""
    await _simulate(session, user, url, lambda trial: trial.leave())


@simulations.command()
@blocking
async def cycle(
    session: SessionId, user: UserOption, minutes: Length = 30, url: Url = None
) -> None:
    """Somebody comes and goes three times; the last time they went is now."""
    length = timedelta(minutes=minutes)
    await _simulate(session, user, url, lambda trial: trial.stay(length, CYCLE_STAYS))


@simulations.command()
@blocking
async def short(session: SessionId, user: UserOption, url: Url = None) -> None:
    """Somebody stays for less than a minute, until now."""
    await _simulate(session, user, url, lambda trial: trial.stay(SHORT_STAY, ((0.0, 1.0),)))


Plan = Callable[["Trial"], Coroutine[Any, Any, None]]


async def _simulate(session_id: int, user_id: int, url: str | None, plan: Plan) -> None:
    given = settings.current()
    async with opened(given.database_url):
        session = await Session.get_or_none(id=session_id)
        user = await User.get_or_none(id=user_id)
        if session is None or user is None:
            raise Stop("There is no such session." if session is None else "There is no such user.")
        if session.room_name is None:
            raise Stop("This session has no meeting yet, so LiveKit cannot tell of it.")
        door = url or f"http://127.0.0.1:{given.port}/webhooks/livekit"
        secret = given.livekit_api_secret.get_secret_value()
        sender = Sender(door, given.livekit_api_key, secret)
        trial = Trial(sender, session, user, clock.now())
        try:
            await plan(trial)
        finally:
            await sender.aclose()
        session = await Session.get(id=session_id)
        row = await SessionParticipant.get_or_none(session_id=session_id, user_id=user_id)
        if row is None:
            typer.echo("They have no attendance in this session.")
        else:
            (state,) = await read_states([row])
            result, window = state.result, window_of(session)
            seconds = state.total_ms(window, to_ms(clock.now())) // 1000
            status = result.status.value if result.status else "no status before the end"
            typer.echo(
                f"{result.presence.value}, {result.join_count} joins, "
                f"{result.leave_count} leaves, {len(result.cycles)} cycles, "
                f"{seconds} s that count; {status}. The session is {session.status.value}."
            )
    if trial.is_refused:
        raise typer.Exit(1)


@dataclass(slots=True)
class Trial:
    """One person in one room. `moment` is when the next event happens: now, or before."""

    sender: Sender
    session: Session
    user: User
    moment: datetime
    is_refused: bool = False

    async def join(self, ago: timedelta) -> None:
        self.moment -= ago
        await (await self._room()).join(self._guest)

    async def leave(self) -> None:
        """End the latest stay whose end is not in the log. Raises Stop if there is none."""
        lines = MeetingAttendanceEvent.filter(session_id=self.session.id, user_id=self.user.id)
        left = lines.filter(kind=EventKind.LEFT)
        ended_sids: list[Any] = list(await left.values_list("participant_sid", flat=True))
        for line in await lines.filter(kind=EventKind.JOINED).order_by("-id"):
            if line.participant_sid is not None and line.participant_sid not in ended_sids:
                break
        else:
            raise Stop("They are not in the room as far as LiveKit told: nobody can leave.")
        stay = Stay(self._guest, str(line.participant_sid), from_ms(line.joined_ms or 0))
        await (await self._room()).leave(stay, LEFT)

    async def stay(self, length: timedelta, shares: Sequence[tuple[float, float]]) -> None:
        """Come and go once for each pair of `shares`, all within `length`, which ends now."""
        started_at = self.moment - length
        self.moment = started_at
        room = await self._room()
        for start, end in shares:
            self.moment = started_at + start * length
            stay = await room.join(self._guest)
            self.moment = started_at + end * length
            await room.leave(stay, LEFT)

    async def send(self, event: Event, now: datetime) -> None:
        """Send an event that happened at `now`, and print what the server made of it.

        The signature is of this moment: the server refuses an old one.
        """
        status = await self.sender.send_once(event, clock.now())
        if status is None:
            raise Stop("The door does not answer: is the server running? Give another with --url.")
        if status != 200:
            why = "it is not the door of webhooks."
            if status == 401:
                why = "its keys are not those of our settings, or its clock is not ours."
            elif status >= 500:
                why = "it could not store the event."
            raise Stop(f"The door answered {status}: {why}")
        receipt = await WebhookReceipt.get_or_none(id=event["id"])
        outcome = f"{receipt.outcome}: {receipt.detail}" if receipt else "not in our database"
        if await MeetingAttendanceEvent.exists(source_id=event["id"]):
            outcome = "APPLIED"
        typer.echo(f"{event['event']:<20} {now:%H:%M:%S}Z  {outcome}")
        self.is_refused |= outcome.startswith(WebhookOutcome.POISON)

    @property
    def _guest(self) -> Guest:
        return guest_of(self.user)

    async def _room(self) -> SimulatedRoom:
        """Go on with the room that is there, or open a new one."""
        name, sid = str(self.session.room_name), self.session.room_sid
        made_ms = self.session.room_created_ms
        made_at = from_ms(made_ms) if made_ms else None
        room = SimulatedRoom(name, self, lambda: self.moment, sid=sid, made_at=made_at)
        if sid is None:
            await room.open()
        return room


def guest_of(user: User) -> Guest:
    """Describe a user to LiveKit as their meeting token would."""
    metadata = {"name": user.display_name, "role": user.role, "userId": user.id}
    identity = identity_of(user.id, user.first_name, user.last_name)
    return Guest(identity, user.display_name, json.dumps(metadata, ensure_ascii=False))

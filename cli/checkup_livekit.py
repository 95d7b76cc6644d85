"""LiveKit as a doctor sees it: both addresses, certificates, keys, its clock, a room, TURN."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import clock
from cli.checkup import Finding, fail, good, skew, warn
from domain.errors import LiveKitUnavailableError
from domain.meeting import RoomSpec
from domain.rooms import TRIAL_ROOM
from gateways.livekit import LiveKit, LiveKitRefusedError
from gateways.livekit_tokens import Admission, Grant, mint
from gateways.probes import ProbeError, certificate_expiry, get, is_secure, offered_turn
from settings import Settings

SOON = timedelta(days=14)
ROOM_FOR_S = 60
DATE_HAS_SECONDS_MS = 1000  # HTTP's Date is cut off to whole seconds

API, BROWSER, KEYS, ROOM, TURN = (
    "livekit api",
    "livekit browser",
    "livekit keys",
    "livekit room",
    "turn",
)
NO_TURN = "Who is behind a strict firewall cannot take part: configure TURN in LiveKit."


async def check_livekit(given: Settings, *, is_with_room: bool) -> AsyncIterator[Finding]:
    for name, url in ((API, given.livekit_api_url), (BROWSER, given.livekit_url)):
        async for finding in _address(name, url, given):
            yield finding
    async with _gateway(given) as livekit:
        yield await _keys(livekit)
        if is_with_room:
            async for finding in _room(livekit, given):
                yield finding
        else:
            yield warn(TURN, "Only who goes into a room is told of it.", "Ask with --room.")


@asynccontextmanager
async def _gateway(given: Settings) -> AsyncIterator[LiveKit]:
    secret = given.livekit_api_secret.get_secret_value()
    livekit = LiveKit(
        given.livekit_api_url, given.livekit_api_key, secret, tls_verify=given.livekit_tls_verify
    )
    try:
        yield livekit
    finally:
        await livekit.aclose()


async def _address(name: str, url: str, given: Settings) -> AsyncIterator[Finding]:
    setting = "HALAQA_LIVEKIT_API_URL" if name == API else "HALAQA_LIVEKIT_URL"
    # A browser knows nothing of our trust.
    verify = given.livekit_tls_verify or name == BROWSER
    try:
        answer = await get(url, tls_verify=verify)
    except ProbeError as error:
        yield fail(name, f"{error}.", f"Start LiveKit, or correct {setting}.")
        return
    yield good(name, f"{url.partition('://')[0]} answers.")
    if answer.date is not None and name == API:
        yield _clock_of(answer.date, clock.now())
    if is_secure(url):
        yield await _certificate(name, url, is_verified=verify)


def _clock_of(date: datetime, now: datetime) -> Finding:
    late_ms = (date - now).total_seconds() * 1000 + DATE_HAS_SECONDS_MS / 2
    return skew("livekit's clock", 0 if abs(late_ms) <= DATE_HAS_SECONDS_MS else late_ms)


async def _certificate(name: str, url: str, *, is_verified: bool) -> Finding:
    name = f"{name} tls"
    if not is_verified:
        return warn(name, "Not verified.", "HALAQA_LIVEKIT_TLS_VERIFY is false: only for trials.")
    try:
        expires_at = await certificate_expiry(url)
    except ProbeError as error:
        return fail(name, f"{error}.", "Renew the certificate.")
    says = f"Good until {expires_at:%F}."
    is_soon = expires_at - clock.now() < SOON
    return warn(name, says, "Renew it.") if is_soon else good(name, says)


async def _keys(livekit: LiveKit) -> Finding:
    try:
        await livekit.ping()
    except LiveKitRefusedError as error:
        advice = "Compare HALAQA_LIVEKIT_API_KEY and its secret with LiveKit's configuration."
        return fail(KEYS, error.message, advice)
    except LiveKitUnavailableError as error:
        return fail(KEYS, error.message, "It could not be asked.")
    return good(KEYS, "Accepted.")


async def _room(livekit: LiveKit, given: Settings) -> AsyncIterator[Finding]:
    name = f"{TRIAL_ROOM}{secrets.token_hex(6)}"
    try:
        await livekit.ensure_room(_spec(name))
        try:
            yield await _turn(given, name)
        finally:
            await livekit.delete_room(name)
    except LiveKitUnavailableError as error:
        yield fail(ROOM, error.message, "LiveKit's log says more.")
    else:
        yield good(ROOM, "Made and deleted.")


def _spec(name: str) -> RoomSpec:
    return RoomSpec(
        name=name,
        empty_timeout_s=ROOM_FOR_S,
        departure_timeout_s=ROOM_FOR_S,
        max_participants=2,
        metadata="{}",
    )


async def _turn(given: Settings, room: str) -> Finding:
    now = clock.now()
    admission = Admission(room_name=room, identity="doctor", name="", metadata="", grant=Grant())
    secret = given.livekit_api_secret.get_secret_value()
    until = now + timedelta(seconds=ROOM_FOR_S)
    token = mint(given.livekit_api_key, secret, admission, now=now, expires_at=until)
    try:
        offered = await offered_turn(given.livekit_url, token)
    except ProbeError as error:
        return warn(TURN, f"Cannot be known: {error}.", "HALAQA_LIVEKIT_URL must let people in.")
    if not offered:
        return warn(TURN, "LiveKit offers none.", NO_TURN)
    return good(TURN, f"LiveKit offers {', '.join(offered)}; whether they relay is not tried.")

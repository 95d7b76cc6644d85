"""Checks LiveKit for the doctor: both addresses, certificates, its clock, keys, a room, TURN."""

import secrets
from datetime import timedelta

import clock
import settings
from cli.doctor_report import Report
from domain.errors import LiveKitUnavailableError
from domain.meeting import RoomSpec
from domain.rooms import TRIAL_ROOM
from gateways.livekit import LiveKitRefusedError, connected
from gateways.livekit_tokens import Admission, Grant, mint
from gateways.probes import ProbeError, certificate_expiry, get, is_secure, offered_turn
from settings import Settings

EXPIRES_SOON = timedelta(days=14)
TRIAL_ROOM_TIMEOUT_S = 60
HTTP_DATE_STEP_MS = 1000  # HTTP's Date is cut off to whole seconds

API, BROWSER = "livekit api", "livekit browser"
NO_TURN = "Who is behind a strict firewall cannot take part: configure TURN in LiveKit."


async def check_addresses(report: Report, given: Settings) -> None:
    """Check the addresses that this server and browsers use, certificates, and LiveKit's clock."""
    addresses = (
        (API, "HALAQA_LIVEKIT_API_URL", given.livekit_api_url, given.livekit_tls_verify),
        (BROWSER, "HALAQA_LIVEKIT_URL", given.livekit_url, True),  # a browser always verifies
    )
    for name, setting, url, is_verified in addresses:
        try:
            answer = await get(url, tls_verify=is_verified)
        except ProbeError as error:
            report.fail(name, f"{error}.", f"Start LiveKit, or correct {setting}.")
            continue
        report.good(name, f"{url.partition('://')[0]} answers.")
        if answer.date is not None and name == API:
            skew_ms = (answer.date - clock.now()).total_seconds() * 1000 + HTTP_DATE_STEP_MS / 2
            report.skew("livekit's clock", 0 if abs(skew_ms) <= HTTP_DATE_STEP_MS else skew_ms)
        if not is_secure(url):
            continue
        name = f"{name} tls"
        if not is_verified:
            advice = "HALAQA_LIVEKIT_TLS_VERIFY is false: only for trials."
            report.warn(name, "Not verified.", advice)
            continue
        try:
            expires_at = await certificate_expiry(url)
        except ProbeError as error:
            report.fail(name, f"{error}.", "Renew the certificate.")
            continue
        says = f"Good until {expires_at:%F}."
        if expires_at - clock.now() < EXPIRES_SOON:
            report.warn(name, says, "Renew it.")
        else:
            report.good(name, says)


async def check_keys(report: Report) -> None:
    """Check that LiveKit accepts our API key and its secret."""
    name = "livekit keys"
    try:
        async with connected(settings.current()) as livekit:
            await livekit.ping()
    except LiveKitRefusedError as error:
        advice = "Compare HALAQA_LIVEKIT_API_KEY and its secret with LiveKit's configuration."
        report.fail(name, error.message, advice)
    except LiveKitUnavailableError as error:
        report.fail(name, error.message, "It could not be asked.")
    else:
        report.good(name, "Accepted.")


async def check_room(report: Report, given: Settings) -> None:
    """Make a room, join it to see which TURN servers LiveKit offers, and delete it."""
    room = RoomSpec(
        name=f"{TRIAL_ROOM}{secrets.token_hex(6)}",
        empty_timeout_s=TRIAL_ROOM_TIMEOUT_S,
        departure_timeout_s=TRIAL_ROOM_TIMEOUT_S,
        max_participants=2,
        metadata="{}",
    )
    try:
        async with connected(given) as livekit:
            await livekit.ensure_room(room)
            try:
                await _check_turn(report, given, room.name)
            finally:
                await livekit.delete_room(room.name)
    except LiveKitUnavailableError as error:
        report.fail("livekit room", error.message, "LiveKit's log says more.")
    else:
        report.good("livekit room", "Made and deleted.")


async def _check_turn(report: Report, given: Settings, room_name: str) -> None:
    now = clock.now()
    token = mint(
        given.livekit_api_key,
        given.livekit_api_secret.get_secret_value(),
        Admission(room_name=room_name, identity="doctor", name="", metadata="", grant=Grant()),
        now=now,
        expires_at=now + timedelta(seconds=TRIAL_ROOM_TIMEOUT_S),
    )
    try:
        offered = await offered_turn(given.livekit_url, token)
    except ProbeError as error:
        report.warn("turn", f"Cannot be known: {error}.", "HALAQA_LIVEKIT_URL must let people in.")
        return
    if offered:
        names = ", ".join(offered)
        report.good("turn", f"LiveKit offers {names}; whether they relay is not tried.")
    else:
        report.warn("turn", "LiveKit offers none.", NO_TURN)

"""Probes of the outside, for `doctor`: does an address answer, what does its clock say, when does
its certificate expire, and which TURN servers does LiveKit offer?"""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from livekit.protocol import rtc

TIMEOUT_S = 5.0
HTTPS_PORT = 443
BODY_MAX_BYTES = 256 * 1024


class ProbeError(Exception):
    """The address does not answer as it should; the message says how and names no address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `date` is the server's clock, in whole seconds; None when it says none."""

    status: int
    date: datetime | None
    body: bytes


async def get(url: str, *, tls_verify: bool = True) -> Answer:
    """Send a GET and return the answer; a ws:// address is asked by http://."""
    address = url.replace("ws", "http", 1) if url.startswith("ws") else url
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as http,
            http.get(address, ssl=tls_verify) as answer,
        ):
            status, date_text = answer.status, answer.headers.get("Date")
            body = await answer.content.read(BODY_MAX_BYTES)
    except TimeoutError:
        raise ProbeError(f"no answer in {TIMEOUT_S:.0f} s") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise ProbeError(f"its certificate is refused: {_why(error.certificate_error)}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ProbeError(f"cannot be reached: {type(error).__name__}") from None
    try:
        date = parsedate_to_datetime(date_text).astimezone(UTC) if date_text else None
    except ValueError:
        date = None
    return Answer(status, date, body)


def _why(error: Exception) -> str:
    return str(getattr(error, "verify_message", "")) or type(error).__name__


def is_secure(url: str) -> bool:
    return urlsplit(url).scheme in ("https", "wss")


async def certificate_expiry(url: str) -> datetime:
    """Return when the certificate of an https:// or wss:// address expires, once it is verified."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or HTTPS_PORT, ssl=context
            )
    except TimeoutError:
        raise ProbeError(f"no answer in {TIMEOUT_S:.0f} s") from None
    except (ssl.SSLError, OSError) as error:
        raise ProbeError(f"its certificate is refused: {_why(error)}") from None
    ends = ssl.cert_time_to_seconds(writer.get_extra_info("peercert")["notAfter"])
    writer.close()
    return datetime.fromtimestamp(ends, UTC)


async def offered_turn(url: str, token: str, *, tls_verify: bool = True) -> list[str]:
    """Return the TURN addresses that LiveKit offers for this token, asked by wss:// or ws://."""
    address = f"{url.rstrip('/')}/rtc?protocol=16&auto_subscribe=0"
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as http,
            http.ws_connect(address, headers=headers, ssl=tls_verify) as socket,
        ):
            response = rtc.SignalResponse.FromString(await socket.receive_bytes())
    except TimeoutError:
        raise ProbeError(f"no answer in {TIMEOUT_S:.0f} s") from None
    except Exception as error:  # a server that is no LiveKit may answer anything
        raise ProbeError(f"nobody lets us in: {type(error).__name__}") from None
    offered = [address for server in response.join.ice_servers for address in server.urls]
    return [address for address in offered if address.startswith("turn")]

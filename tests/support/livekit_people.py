"""People in rooms with LiveKit's own client: in this process, or in one of their own to be killed.

`python -m tests.support.livekit_people URL` is such a process: it takes the token from its input,
says "inside" when it is, and leaves when its input ends.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from livekit import rtc
from websockets.asyncio.client import connect

ROOT = Path(__file__).parents[2]
CONNECTS_WITHIN_S = 30.0
INSIDE = b"inside\n"
RATE = 48_000


class Guest:
    """One device in a room. `is_out` is set once it has no place there any more."""

    def __init__(self) -> None:
        self.joined_at = self.left_at = datetime.max.replace(tzinfo=UTC)
        self.is_out = asyncio.Event()
        self.reason: str | None = None
        self.heard: list[bytes] = []
        self._room = rtc.Room()
        self._room.on("disconnected", self._end)
        self._room.on("data_received", lambda packet: self.heard.append(packet.data))

    @classmethod
    async def join(cls, url: str, token: str) -> Self:
        """Inside, without media; rtc.ConnectError when LiveKit does not let them in."""
        guest = cls()
        async with asyncio.timeout(CONNECTS_WITHIN_S):
            await guest._room.connect(url, token)
        guest.joined_at = datetime.now(UTC)
        return guest

    async def leave(self) -> None:
        """Say goodbye; once out, for whatever reason, it does nothing."""
        if not self.is_out.is_set():
            self.left_at = datetime.now(UTC)
            await self._room.disconnect()

    async def speak(self, within_s: float) -> None:
        """Publish a microphone. LiveKit never answers who may not: then it is a TimeoutError."""
        track = rtc.LocalAudioTrack.create_audio_track("mic", rtc.AudioSource(RATE, 1))
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        async with asyncio.timeout(within_s):
            await self._room.local_participant.publish_track(track, options)

    async def say(self, words: bytes) -> None:
        await self._room.local_participant.publish_data(words)

    def _end(self, reason: "rtc.DisconnectReason.ValueType") -> None:
        self.reason = rtc.DisconnectReason.Name(reason)
        self.is_out.set()


class Elsewhere:
    """A device in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.joined_at = self.left_at = datetime.now(UTC)
        self._process = process

    @classmethod
    async def join(cls, url: str, token: str) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, url, stdin=PIPE, stdout=PIPE, cwd=ROOT
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(token.encode() + b"\n")
        try:
            said = await asyncio.wait_for(process.stdout.readline(), CONNECTS_WITHIN_S)
            assert said == INSIDE
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return cls(process)

    async def kill(self) -> None:
        """SIGKILL: nobody says goodbye."""
        self.left_at = datetime.now(UTC)
        self._process.kill()
        await self._process.wait()

    async def leave(self) -> None:
        if self._process.returncode is None:
            await self.kill()


async def knock(url: str, token: str) -> None:
    """Open the connection, hear the server's welcome, and be gone before there is any media."""
    address = f"{url}/rtc?access_token={token}&auto_subscribe=1&sdk=python&protocol=15"
    async with connect(address) as socket:
        await asyncio.wait_for(socket.recv(), CONNECTS_WITHIN_S)


async def stay(url: str, token: str, until_told: Callable[[], object]) -> None:
    guest = await Guest.join(url, token)
    sys.stdout.buffer.write(INSIDE)
    sys.stdout.buffer.flush()
    await asyncio.to_thread(until_told)
    await guest.leave()


if __name__ == "__main__":
    asyncio.run(stay(sys.argv[1], sys.stdin.readline().strip(), sys.stdin.read))

"""People in rooms with LiveKit's own client, in this process or in another that can be killed.

`python -m tests.support.livekit_people URL` is such a process: it reads the token from its input,
prints between which moments it joined, and leaves when its input ends."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from livekit import rtc
from websockets.asyncio.client import connect

from tests.support.patience import within

ROOT = Path(__file__).parents[2]
CONNECTS_WITHIN_S = 30.0
RATE = 48_000
SAMPLES = RATE // 100  # of one frame


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of an action: it started at one moment, and was known to be done at the other."""

    started_at: datetime
    done: datetime

    @classmethod
    def at(cls, moment: datetime) -> Self:
        return cls(moment, moment)

    @classmethod
    def since(cls, started_at: datetime) -> Self:
        return cls(started_at, datetime.now(UTC))

    def ms_to(self, told: datetime) -> float:
        """How many ms the told time is off: 0 inside the moment, negative before it."""
        return (told - min(max(told, self.started_at), self.done)).total_seconds() * 1000


class Guest:
    """One device in a room. `is_out` is set once it has no place there any more."""

    joined: Moment
    left: Moment

    def __init__(self) -> None:
        self.is_out = asyncio.Event()
        self.reason: str | None = None
        self.heard: list[bytes] = []
        self._room = rtc.Room()
        self._room.on("disconnected", self._end)
        self._room.on("data_received", lambda packet: self.heard.append(packet.data))

    @classmethod
    async def join(cls, url: str, token: str) -> Self:
        """Join without media; raise rtc.ConnectError when LiveKit refuses."""
        guest, started_at = cls(), datetime.now(UTC)
        async with within(CONNECTS_WITHIN_S, "a guest is connected"):
            await guest._room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        guest.joined = Moment.since(started_at)
        return guest

    async def leave(self) -> None:
        """Leave the room; once out, do nothing."""
        if not self.is_out.is_set():
            started_at = datetime.now(UTC)
            await self._room.disconnect()
            self.left = Moment.since(started_at)

    async def speak(self, within_s: float) -> rtc.AudioSource:
        """Publish a microphone. LiveKit does not answer a refused one: that is a TimeoutError."""
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("mic", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        async with asyncio.timeout(within_s):
            await self._room.local_participant.publish_track(track, options)
        return source

    async def say(self, words: bytes) -> None:
        await self._room.local_participant.publish_data(words)

    def _end(self, reason: "rtc.DisconnectReason.ValueType") -> None:
        self.left = Moment.at(datetime.now(UTC))
        self.reason = rtc.DisconnectReason.Name(reason)
        self.is_out.set()


class Elsewhere:
    """A device in a process of its own."""

    left: Moment

    def __init__(self, process: Process, joined: Moment) -> None:
        self.joined = joined
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
            async with within(CONNECTS_WITHIN_S, "a guest's process is connected"):
                said = await process.stdout.readline()
            return cls(process, Moment(*map(datetime.fromisoformat, said.decode().split())))
        except BaseException:
            process.kill()
            await process.wait()
            raise

    async def kill(self) -> None:
        """Send SIGKILL: nobody says goodbye."""
        started_at = datetime.now(UTC)
        self._process.kill()
        await self._process.wait()
        self.left = Moment.since(started_at)

    async def leave(self) -> None:
        if self._process.returncode is None:
            await self.kill()


async def knock(url: str, token: str) -> None:
    """Connect, read the server's welcome, and disconnect before there is any media."""
    address = f"{url}/rtc?access_token={token}&auto_subscribe=1&sdk=python&protocol=15"
    async with connect(address) as socket, within(CONNECTS_WITHIN_S, "LiveKit's welcome"):
        await socket.recv()


async def stay(url: str, token: str, until_told: Callable[[], object]) -> None:
    """A person whose microphone is on, as in a class."""
    guest = await Guest.join(url, token)
    talking = asyncio.create_task(talk(await guest.speak(CONNECTS_WITHIN_S)))
    sys.stdout.write(f"{guest.joined.started_at.isoformat()} {guest.joined.done.isoformat()}\n")
    sys.stdout.flush()
    await asyncio.to_thread(until_told)
    talking.cancel()
    await guest.leave()


async def talk(source: rtc.AudioSource) -> None:
    while True:
        noise = random.randbytes(2 * SAMPLES)
        await source.capture_frame(rtc.AudioFrame(noise, RATE, 1, SAMPLES))


if __name__ == "__main__":
    asyncio.run(stay(sys.argv[1], sys.stdin.readline().strip(), sys.stdin.read))

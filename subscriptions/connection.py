"""A connection of graphql-transport-ws: one reader, and one task per operation.

Nothing is queued for a client: an operation's next event is asked for once its last one is sent.
The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect

import telemetry
from domain.errors import DomainError, UnauthenticatedError
from execution.refusals import ClientSafeSchema, RequestCode
from subscriptions.messages import (
    ACKNOWLEDGE,
    PING,
    CloseCode,
    CloseError,
    Complete,
    Initialise,
    Ping,
    Subscribe,
    error_text,
    pong_text,
    read,
)
from subscriptions.operations import frames, only_subscribes
from subscriptions.pulse import PING_EVERY_S, Pulse
from subscriptions.transport import CHANNEL, Channel, Outlet

logger = logging.getLogger("halaqa.websocket")


class Connected(Protocol):
    """The person at the other end, as long as the socket lives."""

    @property
    def expires_at(self) -> datetime | None: ...

    def call_when_signed_out(self, call: Callable[[], None]) -> None:
        """Call when their sign-in ends; not where their token expires, or after `leave`."""

    def leave(self) -> None:
        """Forget them: the socket is over."""

    async def context_for_operation(self, outlet: Outlet | None, is_watching: bool) -> object:
        """Make a new context for an operation; UnauthenticatedError if their sign-in has ended.

        `is_watching`: it subscribes, and so has a right that is reviewed.
        """


class Connect(Protocol):
    """Identifies who connects by connection_init's payload; UnauthenticatedError refuses them."""

    async def __call__(self, parameters: dict[str, Any], websocket: WebSocket, /) -> Connected: ...


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """The limits of one socket: seconds for each step, and operations at once.

    A socket that is silent for `ping_s` gets a ping, and another; then it is closed.
    """

    init_s: float = 10
    send_s: float = 10
    close_s: float = 1
    cleanup_s: float = 10
    ping_s: float = PING_EVERY_S
    operations: int = 100


@dataclass(frozen=True, slots=True)
class _Operation:
    task: asyncio.Task[None]
    outlet: Outlet | None

    def cancel(self) -> None:
        if self.outlet is not None:
            self.outlet.call_back()  # at once: the client may use the id again
        self.task.cancel()


class Connection:
    """One socket that was accepted, from its first message to its close."""

    def __init__(
        self,
        websocket: WebSocket,
        schema: ClientSafeSchema,
        connect: Connect,
        now: Callable[[], datetime],
        limits: SocketLimits,
    ) -> None:
        self._websocket = websocket
        self._schema = schema
        self._connect = connect
        self._now = now
        self._limits = limits
        self._connected: Connected | None = None
        self._channel: Channel | None = websocket.scope.get("extensions", {}).get(CHANNEL)
        self._operations: dict[str, _Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[CloseError] = self._loop.create_future()
        timeout = CloseError(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout")
        self._timer = self._loop.call_later(self._limits.init_s, self._end, timeout)
        self._pulse = Pulse(self._limits.ping_s, self._channel, self._ping, self._give_up)

    async def run(self) -> None:
        """Run until the client leaves, a rule is broken, the token expires, or we fail."""
        self._start(self._read)
        try:
            end = await self._ending
        finally:
            self._timer.cancel()
            if self._connected is not None:
                self._connected.leave()
                self._connected = None
            self._pulse.stop()
            self._operations.clear()  # their tasks hold us
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            if tasks and (await asyncio.wait(tasks, timeout=self._limits.cleanup_s))[1]:
                logger.error("operations did not stop")
        if end.code is CloseCode.FORBIDDEN:
            telemetry.count_refusal(RequestCode.UNAUTHENTICATED)
        # A stalled client takes no close frame either: returning is what drops the connection.
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(self._limits.close_s):
                await self._websocket.close(end.code, end.reason)

    async def _read(self) -> None:
        while not self._ending.done():
            frame = await self._websocket.receive()
            if frame["type"] == "websocket.disconnect":
                raise CloseError(CloseCode.GONE, "")
            self._pulse.spoke_at = self._loop.time()
            if frame.get("text") is None:
                raise CloseError(CloseCode.BAD_MESSAGE, "Messages must be text frames")
            match message := read(frame["text"]):
                case Initialise():
                    await self._initialise(message)
                case Subscribe():
                    await self._subscribe(message)
                case Complete():
                    if operation := self._operations.pop(message.id, None):
                        operation.cancel()
                case Ping():
                    await self._send(pong_text(message.payload))

    async def _initialise(self, message: Initialise) -> None:
        if self._connected is not None:
            raise CloseError(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        try:
            self._connected = await self._connect(message.parameters, self._websocket)
        except (UnauthenticatedError, DomainError):
            raise CloseError(CloseCode.FORBIDDEN, "Forbidden") from None
        self._timer.cancel()
        if expires_at := self._connected.expires_at:
            seconds = (expires_at - self._now()).total_seconds()
            expiry = CloseError(CloseCode.FORBIDDEN, "Token expired")
            self._timer = self._loop.call_later(seconds, self._end, expiry)
        # A sign-out closes the socket even if nothing runs.
        signed_out = CloseError(CloseCode.FORBIDDEN, "Forbidden")
        self._connected.call_when_signed_out(partial(self._end, signed_out))
        await self._send(ACKNOWLEDGE)
        self._pulse.start()

    def _ping(self) -> None:
        if self._channel is None:
            self._start(partial(self._send, PING))
        elif self._channel.is_free:
            self._channel.write(PING)

    def _give_up(self) -> None:
        self._end(CloseError(CloseCode.TRY_AGAIN, "No answer to pings"))

    async def _subscribe(self, message: Subscribe) -> None:
        if self._connected is None:
            raise CloseError(CloseCode.UNAUTHORIZED, "Unauthorized")
        if message.id in self._operations:
            reason = f"Subscriber for {message.id} already exists"
            raise CloseError(CloseCode.DUPLICATE_OPERATION, reason)
        if len(self._operations) >= self._limits.operations:
            text = f"At most {self._limits.operations} operations at once on one connection."
            error = GraphQLError(text, extensions={"code": RequestCode.LIMIT_EXCEEDED})
            await self._send(error_text(message.id, [error]))
            return
        outlet = Outlet(self._channel, message.id) if self._channel else None
        task = self._start(partial(self._operate, message, self._connected, outlet))
        self._operations[message.id] = _Operation(task, outlet)

    async def _operate(
        self, operation: Subscribe, connected: Connected, outlet: Outlet | None
    ) -> None:
        context = await connected.context_for_operation(outlet, only_subscribes(operation.query))
        sequence = frames(self._schema, operation, context, outlet)
        try:
            async for text, is_last in sequence:
                if is_last:  # forgotten first: having read it, the client may use the id again
                    self._operations.pop(operation.id, None)
                await self._send(text)
                del text  # the next event may be hours away
        finally:
            await sequence.aclose()
            vars(context).pop("right", None)  # they hold each other

    async def _send(self, text: bytes) -> None:
        if self._channel is not None and self._channel.is_free:
            self._channel.write(text)
            return
        try:
            async with asyncio.timeout(self._limits.send_s):
                await self._websocket.send_text(text.decode())  # official clients refuse binary
        except TimeoutError:
            raise CloseError(CloseCode.TRY_AGAIN, "Too slow") from None
        except (WebSocketDisconnect, RuntimeError):
            raise CloseError(CloseCode.GONE, "") from None

    def _start(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = self._loop.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except CloseError as end:
            self._end(end)
        except UnauthenticatedError:
            self._end(CloseError(CloseCode.FORBIDDEN, "Forbidden"))
        except Exception:
            logger.exception("socket failed")
            self._end(CloseError(CloseCode.TRY_AGAIN, "Try again later"))

    def _end(self, end: CloseError) -> None:
        if not self._ending.done():
            self._ending.set_result(end.with_traceback(None))  # its frames hold us

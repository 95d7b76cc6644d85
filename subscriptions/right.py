"""The right of a running operation, or of a socket's person to be signed in.

It is kept in memory, and read from the database only when it is in doubt.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from domain.access import Audience, Viewer
from domain.errors import DomainError, ForbiddenError, UnauthenticatedError
from execution.context import Context, Services


@dataclass(frozen=True, slots=True)
class Footing:
    """The audience that somebody watches as, and until when; None: until something changes."""

    audience: Audience
    until: datetime | None = None


# Authorises a viewer at a moment; raises a DomainError where they may not watch.
Authorise = Callable[[Viewer, datetime], Awaitable[Footing]]


class Right:
    """Nothing is sent while the right is in doubt, and nothing once it is lost.

    `on_until` is called when `until` has come: the right is in doubt, and somebody has to ask.
    `ask` answers as `authorise` does, at the start and together with others who come now.
    `doubts` counts the doubts so far: an answer counts if there was none since its question.
    `on_hold` is called when nothing may be sent until `confirm` has returned again, `on_loss` when
    it is lost before the token expires.
    """

    def __init__(
        self,
        context: Context[Services],
        authorise: Authorise,
        now: Callable[[], datetime],
        on_until: Callable[[], None],
        ask: Callable[[datetime], Awaitable[Footing]] | None = None,
    ) -> None:
        self.context = context
        self.user_id = context.viewer.user_id
        self.authorise = authorise
        self._ask_first = ask
        self.doubts = 0
        self.has_expired = False
        self.on_hold: Callable[[], None] | None = None
        self.on_loss: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._now = now
        self._on_until = on_until
        self._footing: Footing | None = None
        self._doubt: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        self._is_closed = False

    @property
    def is_sure(self) -> bool:
        return self._doubt is None and self._error is None

    @property
    def is_in_doubt(self) -> bool:
        return self._doubt is not None

    @property
    def is_signed_out(self) -> bool:
        """True where the person's sign-in ended, not only their right to what they watched."""
        return isinstance(self._error, UnauthenticatedError)

    async def confirm(self) -> None:
        """Wait until the right is known; raise FORBIDDEN or UNAUTHENTICATED if it is lost."""
        while self._doubt is not None:
            await asyncio.shield(self._doubt)
        if self._error is not None:
            raise self._error

    async def start(self) -> Audience:
        """Authorise for the first time, once changes are listened for; raises as `authorise`."""
        doubts, now = self.doubts, self.context.now
        footing = self._footing = await self._ask(now)
        self.accept(footing, now, doubts)
        while self.is_in_doubt:  # something changed meanwhile
            doubts, now = self.doubts, self._now()
            try:
                again = await self._ask(now)
            except (DomainError, UnauthenticatedError) as error:
                self.refuse(error)
            else:
                self.accept(again, now, doubts)
        await self.confirm()
        return footing.audience

    async def _ask(self, now: datetime) -> Footing:
        if self._ask_first is not None:
            return await self._ask_first(now)
        return await self.authorise(await self.context.refresh_viewer(), now)

    def start_with(self, footing: Footing) -> None:
        """Start with what is known already of the context's viewer."""
        self._footing = footing
        self.accept(footing, self.context.now, self.doubts)

    def doubt(self) -> None:
        """Hold everything back until somebody has asked."""
        self.doubts += 1
        if self.is_sure:
            self._doubt = self._loop.create_future()
        self._hold()

    def accept(self, footing: Footing, now: datetime, doubts: int) -> None:
        """Note that they may watch; `now` and `doubts` are those of the question."""
        if self._footing is None or self._error is not None:
            return
        if footing.audience is not self._footing.audience:
            self.refuse(ForbiddenError("Another audience."))
            return
        self._set_timer(footing)
        if doubts == self.doubts:  # else it was asked too early: somebody asks again
            self._settle()

    def refuse(self, error: Exception) -> None:
        """Note that they may not watch any more. Ignored before `start`, which asks by itself."""
        if self._footing is None:
            return
        # A new error for each right: an exception keeps where it was raised.
        if isinstance(error, UnauthenticatedError):
            self._lose(UnauthenticatedError(str(error)))
        else:
            self._lose(ForbiddenError("You may not watch this any more."))

    def close(self) -> None:
        """Stop the timer: the operation is over. What it would call may hold this right."""
        self._is_closed = True
        self._stop_timer()
        self.on_loss = None

    def _set_timer(self, footing: Footing) -> None:
        """Wait for the earlier of two moments: the token's expiry, and the footing's `until`."""
        self._stop_timer()
        if self._is_closed:
            return
        expires_at = self.context.viewer.expires_at
        ends = [end for end in (expires_at, footing.until) if end is not None]
        if ends:
            seconds = (min(ends) - self._now()).total_seconds()
            on_end = self._expire if min(ends) == expires_at else self._come_to_until
            self._timer = self._loop.call_later(max(0.0, seconds), on_end)

    def _expire(self) -> None:
        self.has_expired = True
        self._lose(UnauthenticatedError("The token has expired."))

    def _come_to_until(self) -> None:
        self.doubt()
        self._on_until()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _lose(self, error: Exception) -> None:
        self._error = self._error or error
        self._hold()
        self._stop_timer()
        self._settle()
        if not self.lost.done():
            self.lost.set_result(None)
        if self.on_loss is not None and not self.has_expired:
            self.on_loss()

    def _hold(self) -> None:
        if self.on_hold is not None:
            self.on_hold()

    def _settle(self) -> None:
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            doubt.set_result(None)

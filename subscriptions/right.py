"""The right of one running operation: held in memory, asked of the database only when in doubt."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from domain.access import Audience, Viewer
from domain.errors import DomainError, ForbiddenError, UnauthenticatedError
from execution.context import Context, Services


@dataclass(frozen=True, slots=True)
class Footing:
    """As whom somebody watches, and until when unless something changes; None: for good."""

    audience: Audience
    until: datetime | None = None


# Whether this viewer may watch now, and as whom; a DomainError where they may not.
Admit = Callable[[Viewer, datetime], Awaitable[Footing]]


class Right:
    """Nothing is sent while it is in doubt, and nothing once it is lost."""

    def __init__(
        self,
        context: Context[Services],
        admit: Admit,
        now: Callable[[], datetime],
        on_doubt: Callable[[], None],
    ) -> None:
        self.context = context
        self.admit = admit
        self._now = now
        self._on_doubt = on_doubt  # called when its time is up: somebody has to ask
        self._loop = asyncio.get_running_loop()
        self._footing: Footing | None = None
        self.doubts = 0  # how often it was in doubt: an answer counts if there was none since
        self._doubt: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        self._is_closed = False
        self.has_expired = False
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_sure(self) -> bool:
        return self._doubt is None and self._error is None

    @property
    def is_in_doubt(self) -> bool:
        return self._doubt is not None

    @property
    def is_signed_out(self) -> bool:
        """Lost because the person is nobody any more, not because of what they watched."""
        return isinstance(self._error, UnauthenticatedError)

    async def confirm(self) -> None:
        """Return if they still may, once that is known; else FORBIDDEN or UNAUTHENTICATED."""
        while self._doubt is not None:
            await asyncio.shield(self._doubt)
        if self._error is not None:
            raise self._error

    async def begin(self) -> Audience:
        """As whom they watch, asked after changes are listened for; refused as `admit` does."""
        doubts, now = self.doubts, self.context.now
        footing = self._footing = await self._ask(now)
        self.accept(footing, now, doubts)
        while self.is_in_doubt:  # something changed meanwhile
            await self.ask()
        await self.confirm()
        return footing.audience

    def doubt(self) -> None:
        """Hold everything back until somebody has asked."""
        self.doubts += 1
        if self._doubt is None and self._error is None:
            self._doubt = self._loop.create_future()

    async def ask(self) -> None:
        """May they still, and as the same? What fails here leaves it in doubt."""
        doubts, now = self.doubts, self._now()
        try:
            footing = await self._ask(now)
        except (DomainError, UnauthenticatedError) as error:
            self.refuse(error)
        else:
            self.accept(footing, now, doubts)

    def accept(self, footing: Footing, now: datetime, doubts: int) -> None:
        """They may, by what was asked when it had been in doubt so often."""
        if self._footing is None or self._error is not None:
            return
        if footing.audience is not self._footing.audience:
            self.refuse(ForbiddenError("They would be told something else now."))
            return
        self._wait_for(footing, now)
        if doubts == self.doubts:  # else it was asked too early: somebody asks again
            self._settle()

    def refuse(self, error: Exception) -> None:
        """They may not any more. One that has not begun asks for itself."""
        if self._footing is None:
            return
        # An error of its own for each: where it is raised is kept in it.
        if isinstance(error, UnauthenticatedError):
            self._lose(UnauthenticatedError(str(error)))
        else:
            self._lose(ForbiddenError("You may not watch this any more."))

    def close(self) -> None:
        """The operation is over: nobody waits for its time to be up."""
        self._is_closed = True
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _ask(self, now: datetime) -> Footing:
        return await self.admit(await self.context.refresh_viewer(), now)

    def _wait_for(self, footing: Footing, now: datetime) -> None:
        """One timer, for whichever ends first: the token, or what lets them watch."""
        self._stop_waiting()
        if self._is_closed:
            return
        expiry = self.context.viewer.expires_at
        ends = [end for end in (expiry, footing.until) if end is not None]
        if ends:
            seconds = (min(ends) - now).total_seconds()
            on_time = self._expire if min(ends) == expiry else self._on_time
            self._timer = self._loop.call_later(max(0.0, seconds), on_time)

    def _expire(self) -> None:
        self.has_expired = True
        self._lose(UnauthenticatedError("The token has expired."))

    def _on_time(self) -> None:
        self.doubt()
        self._on_doubt()

    def _lose(self, error: Exception) -> None:
        self._error = self._error or error
        self._stop_waiting()
        self._settle()
        if not self.lost.done():
            self.lost.set_result(None)

    def _settle(self) -> None:
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            doubt.set_result(None)

"""Somebody at the other end of a socket: their viewer is read once, and again when in doubt."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import clock
from domain.access import Viewer
from execution.context import Context, ReadViewer
from subscriptions.right import Right
from subscriptions.stream_services import StreamServices
from subscriptions.transport import Outlet


@dataclass(slots=True)
class Connected:
    """A socket that is open, and the right of its viewer to be signed in; None: nobody is."""

    process: StreamServices
    ask: ReadViewer
    address: str | None
    right: Right | None = None

    @property
    def expires_at(self) -> datetime | None:
        return self.right.context.viewer.expires_at if self.right else None

    def call_when_signed_out(self, call: Callable[[], None]) -> None:
        if self.right is not None:
            self.right.on_loss = call

    def leave(self) -> None:
        if self.right is not None:
            self.process.watchers.leave(self.right)
            self.right = None

    async def context_for_operation(
        self, outlet: Outlet | None, is_watching: bool
    ) -> Context[StreamServices]:
        """Make a context with the viewer's rights of now: a socket may live longer than a role.

        A subscription takes the viewer from memory, and its own right looks after them. Queries and
        mutations read them.
        """
        viewer = self._recalled() if is_watching else None
        viewer = viewer or await self.ask()
        return Context(
            self.process,
            viewer,
            clock.now(),
            self.ask,
            self.address,
            recall_viewer=self._recalled,
            outlet=outlet,
        )

    def _recalled(self) -> Viewer | None:
        """Return the viewer while their right to be signed in is sure."""
        return self.right.context.viewer if self.right and self.right.is_sure else None

"""A person's standing in a session now: they manage it, take part in it, or neither."""

from dataclasses import dataclass
from datetime import datetime

from domain.access import Audience


@dataclass(frozen=True, slots=True)
class Standing:
    """Standing of one person. `until`: the end of their last membership; None: it has no end."""

    manages: bool = False
    takes_part: bool = False
    is_barred: bool = False
    until: datetime | None = None

    @property
    def may_join(self) -> bool:
        return self.manages or self.takes_part

    @property
    def audience(self) -> Audience | None:
        """Say as which audience they may subscribe; None: they may only query."""
        if self.is_barred or not self.may_join:
            return None
        return Audience.STAFF if self.manages else Audience.PARTICIPANT

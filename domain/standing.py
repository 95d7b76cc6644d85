"""What a session is to one person now: theirs to manage, to take part in, or neither."""

from dataclasses import dataclass
from datetime import datetime

from domain.access import Audience


@dataclass(frozen=True, slots=True)
class Standing:
    """`until` is when the last membership ends that lets them take part; None: nothing ends it."""

    manages: bool = False
    takes_part: bool = False
    is_barred: bool = False
    until: datetime | None = None

    @property
    def may_join(self) -> bool:
        return self.manages or self.takes_part

    @property
    def audience(self) -> Audience | None:
        """As which they may watch; None: they may not, whatever they still see by query."""
        if self.is_barred or not self.may_join:
            return None
        return Audience.STAFF if self.manages else Audience.PARTICIPANT

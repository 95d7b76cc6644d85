"""The queue of jobs: its lanes, and what they are called in Redis."""

from enum import StrEnum

GROUP = "halaqa"
SET_ASIDE = "halaqa:jobs:set-aside"  # messages that nobody can or should do, with the reason


class LaneName(StrEnum):
    """Lanes hold up nothing in each other: what calls LiveKit may wait long for an answer."""

    LIVEKIT = "livekit"
    DATABASE = "database"

    @property
    def stream(self) -> str:
        return f"halaqa:jobs:{self.value}"

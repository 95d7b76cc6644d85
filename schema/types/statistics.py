from dataclasses import asdict
from typing import Self

import strawberry

from models.reading.statistics import MeetingCounts


@strawberry.type
class MeetingStatistics:
    auto_generated_total: int
    active_now: int
    created_today: int
    created_this_week: int

    @classmethod
    def of(cls, counts: MeetingCounts) -> Self:
        return cls(**asdict(counts))


@strawberry.type
class SystemMeetingStatistics:
    auto_generated_total: int
    active_now: int
    created_today: int
    created_this_week: int
    academies_with_auto_creation: int

"""Statistics: how many meetings each academy has, and how many there are in all."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.days import start_of_day, start_of_week
from models.academy import Academy, VideoSettings
from models.database import sql
from zones import zone_of

# A partial index serves each count: for one academy its part, for all academies the whole. For a
# long count the database may read the table instead, as a count reads all that it counts.
COUNTS = """
SELECT {id} AS id, (SELECT COUNT(*) FROM sessions WHERE {which}
    AND meeting_created_at IS NOT NULL AND meeting_created_by_id IS NULL) AS auto_generated_total,
(SELECT COUNT(*) FROM sessions WHERE {which} AND status IN ('READY', 'ONGOING')
    AND meeting_id IS NOT NULL) AS active_now,
(SELECT COUNT(*) FROM sessions WHERE {which} AND meeting_created_at >= $1) AS created_today,
(SELECT COUNT(*) FROM sessions WHERE {which} AND meeting_created_at >= $2) AS created_this_week
"""
OF_ALL = COUNTS.format(id="0", which="1 = 1")
OF_EACH = COUNTS.format(id="a.id", which="academy_id = a.id") + "FROM academies a WHERE a.id IN"


@dataclass(frozen=True, slots=True)
class MeetingCounts:
    """The numbers of meetings; `auto_generated_total` counts those that no person made."""

    auto_generated_total: int = 0
    active_now: int = 0
    created_today: int = 0
    created_this_week: int = 0


async def read_meeting_counts(
    academy_ids: Iterable[int], now: datetime
) -> dict[int, MeetingCounts]:
    """Read the counts by academy; its own time zone says when its day and week start."""
    zones: dict[str, list[int]] = defaultdict(list)
    for academy in await Academy.filter(id__in=list(academy_ids)):
        zones[academy.timezone].append(academy.id)
    found: dict[int, MeetingCounts] = {}
    for name, ids in zones.items():
        zone = zone_of(name)
        starts = (start_of_day(now, zone), start_of_week(now, zone))
        rows = await sql.query(f"{OF_EACH} ({sql.places(len(ids), first=3)})", *starts, *ids)
        found |= {row["id"]: _counts(row) for row in rows}
    return found


async def read_all_meeting_counts(now: datetime) -> MeetingCounts:
    """Read the counts of the whole system, by days and weeks in UTC."""
    (row,) = await sql.query(OF_ALL, start_of_day(now, UTC), start_of_week(now, UTC))
    return _counts(row)


def _counts(row: dict[str, Any]) -> MeetingCounts:
    return MeetingCounts(**{name: row[name] for name in MeetingCounts.__slots__})


async def count_academies_with_auto_creation() -> int:
    """Count the active academies whose meetings are made automatically."""
    rows = VideoSettings.filter(auto_create_meetings=True, academy__is_active=True)
    return await rows.count()

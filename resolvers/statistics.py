"""The numbers of all meetings in the system."""

from dataclasses import asdict

from domain.errors import ForbiddenError
from execution.context import Info
from models.reading.statistics import count_academies_with_auto_creation, read_all_meeting_counts
from schema.types.statistics import SystemMeetingStatistics


async def meeting_statistics(info: Info) -> SystemMeetingStatistics:
    if not info.context.viewer.is_super_admin:
        raise ForbiddenError("Your role does not allow this.")
    counts = await read_all_meeting_counts(info.context.now)
    return SystemMeetingStatistics(
        **asdict(counts), academies_with_auto_creation=await count_academies_with_auto_creation()
    )

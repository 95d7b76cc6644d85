"""The numbers of all meetings in the system."""

from dataclasses import asdict

from domain.errors import ForbiddenError
from execution.context import Info
from models.reading.statistics import academies_with_auto_creation, all_meeting_counts
from schema.types.statistics import SystemMeetingStatistics


async def meeting_statistics(info: Info) -> SystemMeetingStatistics:
    if not info.context.viewer.is_super_admin:
        raise ForbiddenError("Your role does not allow this.")
    counts = await all_meeting_counts(info.context.now)
    return SystemMeetingStatistics(
        **asdict(counts), academies_with_auto_creation=await academies_with_auto_creation()
    )

"""An academy's settings, set by its admin."""

from typing import Any

from tests.support.asking import Answer, Asker
from tests.support.scene import Scene

VIDEO = """
mutation ($academy: ID!, $input: VideoSettingsInput!) {
  updateVideoSettings(academyId: $academy, input: $input) {
    academy { videoSettings { readyMinutesBefore completionBufferMinutes tokenTtlMinutes } }
    errors { code field }
  }
}
"""
POLICY = """
mutation ($academy: ID!, $input: AttendancePolicyInput!) {
  updateAttendancePolicy(academyId: $academy, input: $input) {
    academy { attendancePolicy { presentFromPercent partialFromPercent lateAfterMinutes } }
    errors { code field }
  }
}
"""
ACADEMY = """
mutation ($academy: ID!, $input: UpdateAcademyInput!) {
  updateAcademy(academyId: $academy, input: $input) {
    academy { name timezone locale isActive meetingLinkTemplate }
    errors { code field }
  }
}
"""
PREFERENCES = """
mutation ($teacher: ID!, $input: TeacherMeetingSettingsInput!) {
  updateTeacherMeetingSettings(teacherId: $teacher, input: $input) {
    user { meetingSettings { maxParticipants recordingEnabled chatEnabled theme } }
    errors { code field }
  }
}
"""


async def set_video(asker: Asker, there: Scene, **values: Any) -> Answer:
    return await asker.ask(
        VIDEO, there["admin"], now=there.now, academy=there.id("academy"), input=values
    )


async def set_policy(asker: Asker, there: Scene, **values: Any) -> Answer:
    return await asker.ask(
        POLICY, there["admin"], now=there.now, academy=there.id("academy"), input=values
    )


async def set_preferences(
    asker: Asker, there: Scene, who: str = "teacher", teacher: str = "teacher", **values: Any
) -> Answer:
    """Set a teacher's preferences; `who` is the person who sets them."""
    return await asker.ask(
        PREFERENCES, there[who], now=there.now, teacher=there.id(teacher), input=values
    )


async def set_academy(asker: Asker, there: Scene, **values: Any) -> Answer:
    return await asker.ask(
        ACADEMY, there["admin"], now=there.now, academy=there.id("academy"), input=values
    )

"""An academy's settings, set by its admin."""

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


async def set_video(asker: Asker, there: Scene, **values: int | None) -> Answer:
    return await asker.ask(
        VIDEO, there["admin"], now=there.now, academy=there.id("academy"), input=values
    )


async def set_policy(asker: Asker, there: Scene, **values: int | None) -> Answer:
    return await asker.ask(
        POLICY, there["admin"], now=there.now, academy=there.id("academy"), input=values
    )

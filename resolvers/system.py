"""The state of the system."""

from domain.access import Permit
from execution.context import Info
from schema.types.system import SystemStatus


async def system_status(info: Info) -> SystemStatus:
    viewer = info.context.viewer
    state = await info.context.services.readings.state()
    return SystemStatus.of(state, is_detailed=viewer.may(Permit.SEE_DETAIL))

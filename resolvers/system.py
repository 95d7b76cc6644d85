from actions import system
from domain.access import Permit
from resolvers.context import Info
from schema.types.system import SystemStatus


async def system_status(info: Info) -> SystemStatus:
    viewer = info.context.viewer
    state = await system.read(info.context.process.door.livekit, info.context.now)
    return SystemStatus.of(state, is_detailed=viewer.may(Permit.SEE_DETAIL))

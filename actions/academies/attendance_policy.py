"""Changes the rules by which an academy judges attendance."""

from domain.access import Permit, Viewer
from domain.configuration import POLICY_BOUNDS, checked_settings
from domain.errors import InvalidInputError
from models import Academy, AttendancePolicy
from models.database.atomic import atomic


async def update_attendance_policy(
    viewer: Viewer, academy_id: int, values: dict[str, int | bool]
) -> Academy:
    """Change the policy for sessions that are scheduled from now on; others keep theirs."""
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic():
        policy = await AttendancePolicy.select_for_update().get(academy_id=academy_id)
        new = checked_settings(values, POLICY_BOUNDS)
        policy.update_from_dict(new)
        if policy.partial_from_percent > policy.present_from_percent:
            raise InvalidInputError("Partial begins below present.", ("partialFromPercent",))
        await policy.save(update_fields=list(policy.stamp()))
    return await Academy.get(id=academy_id)

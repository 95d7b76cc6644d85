"""Creates an academy."""

import re
from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError

from actions.academies.academy_update import check_values
from domain.access import Permit, Viewer
from domain.errors import AlreadyExistsError, ForbiddenError, InvalidInputError
from models import Academy, AttendancePolicy, VideoSettings
from models.database.atomic import atomic

SLUG = re.compile(r"[a-z0-9](-?[a-z0-9])*")
SLUG_MAX_CHARS = 63


async def create_academy(viewer: Viewer, values: dict[str, Any], now: datetime) -> Academy:
    """Create an academy with default settings; ALREADY_EXISTS for a slug that is taken."""
    if not viewer.may(Permit.FOUND):
        raise ForbiddenError("Your role does not allow this.")
    if not SLUG.fullmatch(values["slug"]) or len(values["slug"]) > SLUG_MAX_CHARS:
        raise InvalidInputError("A slug is small letters, digits and single hyphens.", ("slug",))
    check_values(values)
    try:
        async with atomic():
            academy = await Academy.create(**values, created_at=now)
            await VideoSettings.create(academy_id=academy.id)
            await AttendancePolicy.create(academy_id=academy.id)
    except IntegrityError:
        raise AlreadyExistsError("This slug is taken.", ("slug",)) from None
    return academy

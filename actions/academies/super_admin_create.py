"""Creates the first person of an installation."""

import secrets
from datetime import datetime

from actions.academies.user_upsert import PersonInput, check_email
from actions.identity.passwords import check_usable, hash_password
from actions.writing.search_words import write_words
from domain.access import UserRole
from models import User
from models.database.atomic import atomic


async def create_super_admin(email: str, password: str, now: datetime) -> User:
    """Create a super admin with this email; INVALID_INPUT or ALREADY_EXISTS."""
    check_usable(password, "password")
    person = PersonInput(email, None, UserRole.SUPER_ADMIN, {"email": email})
    await check_email(person, None, None)
    password_hash = await hash_password(password)
    async with atomic():
        user = await User.create(
            external_id=f"super:{secrets.token_hex(8)}",  # not the address: others may read it
            role=UserRole.SUPER_ADMIN,
            first_name="Super",
            last_name="Admin",
            email=person.values["email"],
            password_hash=password_hash,
            created_at=now,
        )
        await write_words([user])
    return user

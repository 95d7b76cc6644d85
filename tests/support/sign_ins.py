"""People who sign in over GraphQL, and their tokens."""

from typing import Any

from argon2 import PasswordHasher

from domain.access import UserRole
from models import Academy, User
from tests.support import make

PASSWORD = "correct horse battery"
HASH = PasswordHasher().hash(PASSWORD)

PAYLOAD = "accessToken refreshToken expiresAt viewer { email } errors { code message field }"
SIGN_IN = f"""
mutation ($email: String!, $password: String!, $slug: String) {{
  signIn(email: $email, password: $password, academySlug: $slug) {{ {PAYLOAD} }}
}}
"""
REFRESH = (
    f"mutation ($token: String!) {{ refreshAccessToken(refreshToken: $token) {{ {PAYLOAD} }} }}"
)
SIGN_OUT = "mutation ($token: String!) { signOut(refreshToken: $token) { errors { code } } }"
CHANGE = """
mutation ($current: String!, $new: String!) {
  changePassword(current: $current, new: $new) { errors { code message field } }
}
"""
VIEWER = "{ viewer { email } }"


async def person(academy: Academy | None, email: str = "sara@example.org", **values: Any) -> User:
    role = values.pop("role", UserRole.STUDENT)
    return await make.user(academy, role, **{"email": email, "password_hash": HASH} | values)

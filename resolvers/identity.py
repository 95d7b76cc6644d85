"""The viewer, sign-ins and access keys."""

from datetime import datetime

import strawberry

from actions.identity import access_keys, sign_ins
from actions.identity.sign_ins import Credentials, SignedIn
from execution.context import Info
from execution.payloads import answers
from models import User as UserRow
from schema.types.access_key import AccessKey
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.payloads import (
    AccessKeyPayload,
    ChangePasswordPayload,
    SignInPayload,
    SignOutPayload,
)
from schema.types.user import User


async def viewer(info: Info) -> User | None:
    asking = info.context.viewer_if_any
    return User.of(await UserRow.get(id=asking.user_id)) if asking else None


@answers(SignInPayload)
async def sign_in(
    info: Info, email: str, password: str, academy_slug: str | None = strawberry.UNSET
) -> SignInPayload:
    typed = Credentials(email, password, given(academy_slug), info.context.address)
    return _signed_in_payload(info, await sign_ins.sign_in(_secret(info), typed, info.context.now))


@answers(SignInPayload)
async def refresh_access_token(info: Info, refresh_token: str) -> SignInPayload:
    return _signed_in_payload(
        info, await sign_ins.refresh_access_token(_secret(info), refresh_token, info.context.now)
    )


def _secret(info: Info) -> str:
    return info.context.services.venue.settings.jwt_secret.get_secret_value()


def _signed_in_payload(info: Info, signed_in: SignedIn) -> SignInPayload:
    info.context.set_viewer(signed_in.viewer)
    return SignInPayload(
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_at=signed_in.expires_at,
        viewer=User.of(signed_in.user),
    )


@answers(SignOutPayload)
async def sign_out(info: Info, refresh_token: str) -> SignOutPayload:
    await sign_ins.sign_out(refresh_token, info.context.now)
    return SignOutPayload()


@answers(ChangePasswordPayload)
async def change_password(info: Info, current: str, new: str) -> ChangePasswordPayload:
    await sign_ins.change_password(info.context.viewer, current, new, info.context.now)
    return ChangePasswordPayload()


@answers(AccessKeyPayload)
async def create_access_key(
    info: Info,
    academy_id: strawberry.ID,
    name: str,
    expires_at: datetime | None = strawberry.UNSET,
) -> AccessKeyPayload:
    viewer, now = info.context.viewer, info.context.now
    academy = require_number(Kind.ACADEMY, academy_id, "academyId")
    made = await access_keys.create_access_key(viewer, academy, name, given(expires_at), now)
    return AccessKeyPayload(access_key=AccessKey.of(made.row), secret=made.secret)


@answers(AccessKeyPayload)
async def revoke_access_key(info: Info, id: strawberry.ID) -> AccessKeyPayload:
    viewer, now = info.context.viewer, info.context.now
    row = await access_keys.revoke_access_key(
        viewer, require_number(Kind.ACCESS_KEY, id, "id"), now
    )
    return AccessKeyPayload(access_key=AccessKey.of(row))

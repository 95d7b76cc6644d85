import strawberry

from actions import identity
from models import User as UserRow
from resolvers.context import Info
from resolvers.payloads import answers
from schema.types.given import given
from schema.types.payloads import SignInPayload
from schema.types.user import User


async def viewer(info: Info) -> User | None:
    asking = info.context.anyone
    return User.of(await UserRow.get(id=asking.user_id)) if asking else None


@answers(SignInPayload)
async def sign_in(
    info: Info, email: str, password: str, academy_slug: str | None = strawberry.UNSET
) -> SignInPayload:
    secret = info.context.process.door.settings.jwt_secret.get_secret_value()
    signed_in = await identity.sign_in(
        secret, email, password, given(academy_slug), info.context.now
    )
    info.context.become(await identity.viewer_of(secret, signed_in.access_token, info.context.now))
    return SignInPayload(
        access_token=signed_in.access_token,
        expires_at=signed_in.expires_at,
        viewer=User.of(signed_in.user),
    )

"""The people of many tokens are read at once, as each alone would be."""

from dataclasses import replace

from domain.access import UserRole, Viewer
from domain.errors import UnauthenticatedError
from models import RefreshToken, User
from models.reading.viewers import Claims, read_viewers
from tests.conftest import Database
from tests.support import make

SOON = make.ELEVEN


async def test_each_token_gets_its_own_person_or_its_own_refusal(database: Database) -> None:
    academy = await make.academy()
    people = [
        await make.user(None if role is UserRole.SUPER_ADMIN else academy, role)
        for role in UserRole
    ]
    await User.filter(id=people[0].id).update(rights_version=7)
    gone = await make.user(academy, UserRole.TEACHER, is_active=False)
    service = await make.user(academy, UserRole.ACADEMY_ADMIN, is_service=True)
    ids = [*(user.id for user in people), gone.id, service.id, 999_999]
    answers = await read_viewers([Claims(user_id, SOON, None) for user_id in ids])
    found, refused = answers[: len(people)], answers[len(people) :]
    assert found == [user.as_viewer(SOON) for user in people]
    assert isinstance(found[0], Viewer)
    assert found[0].rights_version == 7
    assert [type(one) for one in refused] == [UnauthenticatedError] * 3


async def test_a_sign_in_counts_for_its_person_while_one_of_its_tokens_is_valid(
    database: Database,
) -> None:
    academy = await make.academy()
    own, other = [await make.student(academy) for _ in range(2)]
    for number, (family, revoked_at) in enumerate((("a", SOON), ("a", None), ("b", SOON))):
        await RefreshToken.create(
            user_id=own.id,
            family=family,
            token_hash=str(number),
            issued_at=SOON,
            expires_at=SOON,
            revoked_at=revoked_at,
        )
    claims = Claims(own.id, SOON, "a")
    ended, stolen = replace(claims, family="b"), replace(claims, user_id=other.id)
    valid, *refused = await read_viewers([claims, ended, stolen])
    assert valid == own.as_viewer(SOON, "a")
    assert [str(one) for one in refused] == ["This sign-in has ended."] * 2

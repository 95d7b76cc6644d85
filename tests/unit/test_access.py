"""The table of roles and permits, and the roles that a person may give."""

import pytest

from domain.access import ROLE_RANK, Permit, UserRole, Viewer


def viewer(role: UserRole, *, is_service: bool = False) -> Viewer:
    return Viewer(1, role, 1, is_service=is_service)


def test_a_super_admin_may_do_everything() -> None:
    assert all(viewer(UserRole.SUPER_ADMIN).may(permit) for permit in Permit)
    assert viewer(UserRole.SUPER_ADMIN).is_super_admin


@pytest.mark.parametrize("role", [UserRole.STUDENT, UserRole.PARENT])
def test_a_family_only_sees(role: UserRole) -> None:
    assert {permit for permit in Permit if viewer(role).may(permit)} == {Permit.SEE}
    assert not viewer(role).runs_academy


@pytest.mark.parametrize("role", UserRole)
def test_nobody_gives_a_role_above_their_own(role: UserRole) -> None:
    given = {other for other in UserRole if viewer(role).may_grant(other)}
    assert given == {other for other in UserRole if ROLE_RANK[other] <= ROLE_RANK[role]}


def test_an_access_key_makes_nobody_who_could_make_keys() -> None:
    key = viewer(UserRole.ACADEMY_ADMIN, is_service=True)
    assert key.runs_academy
    assert key.may_grant(UserRole.SUPERVISOR)
    assert not key.may_grant(UserRole.ACADEMY_ADMIN)

"""Warnings of a session: which there are, the worst first, and no more than a screen holds."""

from dataclasses import replace

import pytest

from domain.errors import BlockedDayError
from domain.warning import WARNINGS_MAX, Clash, Outlook, SessionWarningCode, find_warnings

WELL = Outlook(refusal=None, teacher_id=1, is_teacher_active=True, expected=3, places=4)
BUSY = (Clash(7, 70),)


def codes(outlook: Outlook) -> list[str]:
    return [one.code.value for one in find_warnings(outlook)]


def test_a_session_in_order_has_no_warning() -> None:
    assert codes(WELL) == []


@pytest.mark.parametrize(
    ("outlook", "code"),
    [
        (replace(WELL, refusal=BlockedDayError("Not today.")), "MEETING_WILL_BE_REFUSED"),
        (replace(WELL, is_teacher_active=False), "TEACHER_INACTIVE"),
        (replace(WELL, teacher_clashes=BUSY), "TEACHER_BUSY"),
        (replace(WELL, student_clashes=BUSY), "STUDENT_BUSY"),
        (replace(WELL, expected=0), "NOBODY_EXPECTED"),
        (replace(WELL, expected=4), "OVER_CAPACITY"),
    ],
)
def test_each_trouble_has_its_warning(outlook: Outlook, code: str) -> None:
    assert codes(outlook) == [code]


def test_the_teacher_takes_a_place() -> None:
    assert codes(replace(WELL, places=3)) == ["OVER_CAPACITY"]
    assert codes(replace(WELL, places=4)) == []


def test_the_worst_comes_first_and_the_list_is_short() -> None:
    many = tuple(Clash(user_id, 70) for user_id in range(1, 40))
    all_wrong = Outlook(
        refusal=BlockedDayError("Not today."),
        teacher_id=1,
        is_teacher_active=False,
        expected=39,
        places=5,
        teacher_clashes=BUSY,
        student_clashes=many,
    )
    found = codes(all_wrong)
    assert len(found) == WARNINGS_MAX
    worst = ["MEETING_WILL_BE_REFUSED", "TEACHER_INACTIVE", "TEACHER_BUSY", "OVER_CAPACITY"]
    assert found[:5] == [*worst, "STUDENT_BUSY"]
    assert codes(replace(all_wrong, expected=0))[3] == "NOBODY_EXPECTED"
    assert find_warnings(all_wrong)[-1].user_id == WARNINGS_MAX - len(worst)
    assert {*worst, "STUDENT_BUSY", "NOBODY_EXPECTED"} == {one.value for one in SessionWarningCode}

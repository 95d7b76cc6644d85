"""The standings of people of several academies and roles, all read at once."""

from models import Guardianship, Session, User, VideoSettings
from models.reading.standing import read_grounds, read_standings, read_standings_of
from tests.support import make
from tests.support.scene import Scene

TAKES_PART = {
    ("mine", "student"): True,
    ("mine", "parent"): True,
    ("mine", "stranger"): False,
    ("mine", "former_parent"): False,
    ("mine", "colleague"): False,
    ("foreign", "colleague"): False,
    ("foreign", "foreign_student"): True,
    ("foreign", "foreign_stranger"): False,
    ("foreign", "foreign_colleague"): True,  # the other academy lets teachers join any session
    ("mine", "foreign_colleague"): False,
}


async def prepared(there: Scene) -> list[tuple[Session, User]]:
    """One pair of session and user for each of the above, in the same order."""
    academy_id = there["foreign_academy"].id
    await VideoSettings.filter(academy_id=academy_id).update(teachers_join_any_session=True)
    there.rows["former_parent"] = await make.student(there["academy"])
    await Guardianship.create(guardian=there["former_parent"], child=there["student"])
    return [(there[session], there[person]) for session, person in TAKES_PART]


async def test_standings_of_many_pairs_are_those_of_each_pair(there: Scene) -> None:
    places = [(session, make.viewer(user)) for session, user in await prepared(there)]
    found = await read_standings_of(places, there.now)
    told = [found[session.id, viewer.user_id].takes_part for session, viewer in places]
    assert dict(zip(TAKES_PART, told, strict=True)) == TAKES_PART
    for session, viewer in places:
        alone = await read_standings(viewer, [session], there.now)
        assert alone[session.id] == found[session.id, viewer.user_id]


async def test_a_teacher_who_may_join_any_session_sees_no_students_row(there: Scene) -> None:
    await prepared(there)
    viewer, session = make.viewer(there["foreign_colleague"]), there["foreign"]
    basis = await read_grounds([viewer], [session])
    student_id = there["foreign_student"].id
    assert basis.standing(viewer, session, there.now).takes_part
    assert not basis.standing(viewer, session, there.now, student_id).takes_part

"""Conflicts: in academies that want it, no session takes a teacher or student who is needed in
another one at the time. Elsewhere that is a warning: see models/reading/warnings.py.
"""

from collections.abc import Collection, Iterable, Sequence

from domain.access import Permit, Viewer
from domain.errors import ConflictError, RefusedError
from domain.warning import Clash
from models import Academy, Session, User, VideoSettings
from models.database.locks import lock_academies
from models.reading.clashes import read_others, read_student_clashes, read_teacher_clashes


async def lock_refusing(viewer: Viewer, academy_ids: Iterable[int]) -> set[int]:
    """Lock those of these academies that refuse conflicts, and return their ids.

    It is the first lock of a transaction that may cause a conflict: of two such transactions the
    later one sees what the first one stored. An academy that the viewer does not see is let be.
    """
    if not viewer.may(Permit.MANAGE):
        return set()
    seen = Academy.visible_to(viewer).filter(id__in=list(set(academy_ids)))
    ids = [academy.id for academy in await seen]
    rows = await VideoSettings.filter(academy_id__in=ids, refuse_conflicts=True)
    refusing = {row.academy_id for row in rows}
    await lock_academies(refusing)
    return refusing


async def find_conflicts(
    viewer: Viewer,
    sessions: Sequence[Session],
    *,
    of_teacher: bool = True,
    of_students: bool = True,
) -> list[tuple[Session, ConflictError]]:
    """Find why these stored sessions cannot be: of each at most one conflict of its teacher and
    one of its students, with the field that names them.

    Of two sessions that clash with each other only the later one of the list has the conflict.
    """
    if not sessions:
        return []
    places = {session.id: n for n, session in enumerate(sessions)}
    found: list[tuple[Session, str, Clash]] = []
    teachers = await read_teacher_clashes(sessions) if of_teacher else {}
    students = await read_student_clashes(sessions) if of_students else {}
    for n, session in enumerate(sessions):
        who = "studentId" if session.group_id is None else "groupId"
        for clashes, field in ((teachers, "teacherId"), (students, who)):
            for one in clashes.get(session.id, ()):
                if places.get(one.other_id, -1) < n:
                    found.append((session, field, one))
                    break
    people = await User.filter(id__in=list({clash.user_id for _, _, clash in found}))
    users = {user.id: user for user in people}
    others = await read_others(viewer, [clash.other_id for _, _, clash in found])
    return [
        (session, ConflictError(others.text(users[clash.user_id], clash.other_id), (field,)))
        for session, field, clash in found
    ]


async def refuse_conflicts(viewer: Viewer, session: Session, changed: Collection[str]) -> None:
    """Raise RefusedError if the stored session has a conflict that these changed columns caused."""
    is_moved = "scheduled_at" in changed
    found = await find_conflicts(
        viewer,
        [session],
        of_teacher=is_moved or "teacher_id" in changed,
        of_students=is_moved or "student_id" in changed or "group_id" in changed,
    )
    if found:
        errors = [error for _, error in found]
        if is_moved:
            for error in errors:
                error.field = ("scheduledAt",)
        raise RefusedError(list(errors))

"""Conflicts: in academies that want it, no session takes a teacher or student who is needed in
another one at the time. Elsewhere that is a warning: see models/reading/warnings.py.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from domain.access import Permit, Viewer
from domain.errors import ConflictError, DomainError, RefusedError
from domain.warning import Clash, sibling_text
from models import Academy, Session, User, VideoSettings
from models.database.locks import lock_academies
from models.reading.clashes import (
    EVERY,
    Clashes,
    read_others,
    read_student_clashes,
    read_teacher_clashes,
)

NONE: Mapping[int, int] = {}


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
    inputs: Mapping[int, int] = NONE,
    besides: Collection[Clash] = (),
) -> list[tuple[Session, ConflictError]]:
    """Find why these stored sessions cannot be: of each at most one conflict of its teacher and
    one of its students, with the field that names them. `besides` are clashes that may be.

    `inputs` says from which input of the call each new session is, by its id. Of two new ones that
    clash with each other only the later one has the conflict.
    """
    found: list[tuple[Session, str, Clash]] = []
    teachers, students = await _read_clashes(sessions)
    for session in sessions:
        who = "studentId" if session.group_id is None else "groupId"
        place = inputs.get(session.id, 0)
        for clashes, field in ((teachers, "teacherId"), (students, who)):
            for one in clashes.get(session.id, ()):
                if inputs.get(one.other_id, -1) < place and one not in besides:
                    found.append((session, field, one))
                    break
    people = await User.filter(id__in=list({clash.user_id for _, _, clash in found}))
    users = {user.id: user for user in people}
    others = await read_others(viewer, [clash.other_id for _, _, clash in found])

    def text(clash: Clash) -> str:
        user, n = users[clash.user_id], inputs.get(clash.other_id)
        if n is not None:  # its session is not stored
            return sibling_text(user.display_name, n)
        return others.text(user, clash.other_id)

    return [(session, ConflictError(text(clash), (field,))) for session, field, clash in found]


async def find_clashes(session: Session) -> set[Clash]:
    """Find all that the stored session clashes with: a change of it is not refused for these."""
    return {one for kind in await _read_clashes([session]) for one in kind.get(session.id, ())}


async def refuse_conflicts(
    viewer: Viewer, session: Session, before: Collection[Clash], field: str | None = None
) -> None:
    """Raise RefusedError if the stored session has a conflict that it had not `before`.

    `field` is the one that was changed, where that is not the one that names the people.
    """
    found = await find_conflicts(viewer, [session], besides=before)
    errors: list[DomainError] = [error for _, error in found]
    for error in errors:
        error.field = error.field if field is None else (field,)
    if errors:
        raise RefusedError(errors)


async def _read_clashes(sessions: Sequence[Session]) -> tuple[Clashes, Clashes]:
    teachers = await read_teacher_clashes(sessions, most=EVERY)
    return teachers, await read_student_clashes(sessions, most=EVERY)

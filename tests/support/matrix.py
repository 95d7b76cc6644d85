"""The rights to each root field, written by hand and not derived from the code's table.

A table's rows are the targets, its columns the viewers: `ok`, `-` for null or not in the list, or
the code of the refusal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.scene import Scene

ROLES = ("nobody", "super", "admin", "supervisor", "teacher", "student", "parent")
CODES = {
    "401": "UNAUTHENTICATED",
    "403": "FORBIDDEN",
    "404": "NOT_FOUND",
    "away": "NOT_IN_ROOM",
    "bad": "INVALID_CREDENTIALS",
}

Variables = Callable[[Scene, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One question: a viewer, a target, and the right outcome."""

    role: str
    target: str
    right: str


@dataclass(frozen=True, slots=True)
class Row:
    """`variables` are sent to ask for a target; a list is asked once for all of them."""

    document: str
    variables: Variables
    table: str

    def cells(self) -> Iterator[Cell]:
        header, *lines = self.table.strip().splitlines()
        assert tuple(header.split()) == ROLES
        for line in lines:
            target, *marks = line.split()
            assert len(marks) == len(ROLES), line
            for role, mark in zip(ROLES, marks, strict=True):
                yield Cell(role, target, CODES.get(mark, mark))


def _id(scene: Scene, target: str) -> dict[str, Any]:
    return {"id": scene.id(target)}


def _nothing(scene: Scene, target: str) -> dict[str, Any]:
    return {}


def _row_of(scene: Scene, target: str) -> dict[str, Any]:
    session, user = target.split("/")
    return {"session": scene.id(session), "user": scene.id(user)}


def _somebody_else(scene: Scene, target: str) -> dict[str, Any]:
    """The session, and a person of its academy who has no place in it."""
    names = {"mine": "stranger", "others": "student", "foreign": "foreign_stranger"}
    return {"session": scene.id(target), "user": scene.id(names[target])}


def _teacher_of(scene: Scene, target: str) -> dict[str, Any]:
    names = {"mine": "teacher", "others": "colleague", "foreign": "foreign_teacher"}
    return {"session": scene.id(target), "user": scene.id(names[target])}


def _academy(scene: Scene, target: str) -> dict[str, Any]:
    return {"academy": scene.id(target)}


def _plan(scene: Scene, target: str) -> dict[str, Any]:
    prefix = "foreign_" if target.startswith("foreign_") else ""
    plan = {
        "academyId": scene.id(target),
        "kind": "QURAN",
        "title": "Surat al-Kahf",
        "teacherId": scene.id(f"{prefix}teacher"),
        "groupId": scene.id(f"{prefix}circle"),
        "scheduledAt": (scene.now + timedelta(days=1)).isoformat(),
    }
    return {"plan": plan}


def _person(scene: Scene, target: str) -> dict[str, Any]:
    names = {"firstName": "Sara", "lastName": "Ali"}
    return {"user": names | {"externalId": "new", "role": "STUDENT", "academyId": scene.id(target)}}


def _circle(scene: Scene, target: str) -> dict[str, Any]:
    return {
        "group": {
            "academyId": scene.id(target),
            "externalId": "new",
            "kind": "CIRCLE",
            "name": "Dawn",
            "members": [],
        }
    }


def _member(scene: Scene, target: str) -> dict[str, Any]:
    """The group, and a student of its academy."""
    names = {"circle": "student", "others_circle": "stranger", "foreign_circle": "foreign_student"}
    return {"group": scene.id(target), "user": scene.id(names[target])}


def _later(scene: Scene, target: str) -> dict[str, Any]:
    return _id(scene, target) | {"at": (scene.now + timedelta(days=1)).isoformat()}


EVERYTHING = """
                       nobody super admin supervisor teacher student parent
academy                401    ok    ok    ok         ok      ok      ok
foreign_academy        401    ok    -     -          -       -       -
admin                  401    ok    ok    ok         -       -       -
teacher                401    ok    ok    ok         ok      -       -
colleague              401    ok    ok    ok         -       -       -
student                401    ok    ok    ok         ok      ok      ok
classmate              401    ok    ok    ok         ok      -       -
stranger               401    ok    ok    ok         -       -       -
parent                 401    ok    ok    ok         -       -       ok
others_parent          401    ok    ok    ok         -       -       -
foreign_student        401    ok    -     -          -       -       -
foreign_teacher        401    ok    -     -          -       -       -
super                  401    ok    -     -          -       -       -
circle                 401    ok    ok    ok         ok      ok      ok
others_circle          401    ok    ok    ok         -       -       -
foreign_circle         401    ok    -     -          -       -       -
mine                   401    ok    ok    ok         ok      ok      ok
others                 401    ok    ok    ok         -       -       -
foreign                401    ok    -     -          -       -       -
attendance             401    ok    ok    ok         ok      ok      ok
classmates_attendance  401    ok    ok    ok         ok      -       -
teachers_attendance    401    ok    ok    ok         ok      -       -
others_attendance      401    ok    ok    ok         -       -       -
foreign_attendance     401    ok    -     -          -       -       -
access_key             401    ok    ok    -          -       -       -
foreign_access_key     401    ok    -     -          -       -       -
"""
ANYBODY_SIGNED_IN = """
    nobody super admin supervisor teacher student parent
it  401    ok    ok    ok         ok      ok      ok
"""
ACADEMIES = """
                 nobody super admin supervisor teacher student parent
academy          401    ok    ok    ok         ok      ok      ok
foreign_academy  401    ok    -     -          -       -       -
"""
USERS = """
                 nobody super admin supervisor teacher student parent
super            401    ok    -     -          -       -       -
admin            401    ok    ok    ok         -       -       -
supervisor       401    ok    ok    ok         -       -       -
teacher          401    ok    ok    ok         ok      -       -
colleague        401    ok    ok    ok         -       -       -
student          401    ok    ok    ok         ok      ok      ok
classmate        401    ok    ok    ok         ok      -       -
stranger         401    ok    ok    ok         -       -       -
parent           401    ok    ok    ok         -       -       ok
others_parent    401    ok    ok    ok         -       -       -
foreign_admin    401    ok    -     -          -       -       -
foreign_student  401    ok    -     -          -       -       -
"""
GROUPS = """
                nobody super admin supervisor teacher student parent
circle          401    ok    ok    ok         ok      ok      ok
others_circle   401    ok    ok    ok         -       -       -
foreign_circle  401    ok    -     -          -       -       -
"""
SESSIONS = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         ok      ok      ok
others   401    ok    ok    ok         -       -       -
foreign  401    ok    -     -          -       -       -
"""
ATTENDANCE = """
                         nobody super admin supervisor teacher student parent
mine/student             401    ok    ok    ok         ok      ok      ok
mine/classmate           401    ok    ok    ok         ok      -       -
mine/teacher             401    ok    ok    ok         ok      -       -
mine/stranger            401    -     -     -          -       -       -
others/stranger          401    ok    ok    ok         -       -       -
others/student           401    -     -     -          -       -       -
foreign/foreign_student  401    ok    -     -          -       -       -
"""
ATTENDANCES = """
                       nobody super admin supervisor teacher student parent
attendance             401    ok    ok    ok         ok      ok      ok
classmates_attendance  401    ok    ok    ok         ok      -       -
teachers_attendance    401    ok    ok    ok         ok      -       -
others_attendance      401    ok    ok    ok         -       -       -
foreign_attendance     401    ok    -     -          -       -       -
"""
ROSTER = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         ok      -       -
others   401    ok    ok    ok         -       -       -
foreign  401    ok    -     -          -       -       -
"""
WEBHOOKS = """
                 nobody super admin supervisor teacher student parent
webhook          401    ok    ok    -          -       -       -
foreign_webhook  401    ok    -     -          -       -       -
lost_webhook     401    ok    -     -          -       -       -
"""
FOUNDING = """
    nobody super admin supervisor teacher student parent
it  401    ok    403   403        403     403     403
"""
CONFIGURING = """
                 nobody super admin supervisor teacher student parent
academy          401    ok    ok    403        403     403     403
foreign_academy  401    ok    404   404        404     404     404
"""
GATHERING = """
                nobody super admin supervisor teacher student parent
circle          401    ok    ok    ok         403     403     403
others_circle   401    ok    ok    ok         404     404     404
foreign_circle  401    ok    404   404        404     404     404
"""
SCHEDULING = """
                 nobody super admin supervisor teacher student parent
academy          401    ok    ok    ok         ok      403     403
foreign_academy  401    ok    404   404        404     404     404
"""
MANAGING = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         ok      403     403
others   401    ok    ok    ok         404     404     404
foreign  401    ok    404   404        404     404     404
"""
DIRECTING = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         403     403     403
others   401    ok    ok    ok         404     404     404
foreign  401    ok    404   404        404     404     404
"""
# The person whom they add is of nobody's groups and sessions but the colleague's.
ADDING = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         404     403     403
others   401    ok    ok    ok         404     404     404
foreign  401    ok    404   404        404     404     404
"""
JOINING = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         ok      ok      ok
others   401    ok    ok    ok         404     404     404
foreign  401    ok    404   404        404     404     404
"""
LEAVING = """
         nobody super admin supervisor teacher student parent
mine     401    away  away  away       away    away    away
others   401    away  away  away       404     404     404
foreign  401    away  404   404        404     404     404
"""
JUDGING = """
                         nobody super admin supervisor teacher student parent
mine/student             401    ok    ok    ok         ok      403     403
mine/classmate           401    ok    ok    ok         ok      403     403
mine/stranger            401    404   404   404        404     403     403
others/stranger          401    ok    ok    ok         404     404     404
foreign/foreign_student  401    ok    404   404        404     404     404
"""
WATCHING_ROSTER = """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         ok      404     404
others   401    ok    ok    ok         404     404     404
foreign  401    ok    404   404        404     404     404
"""

WATCHING_ROW = """
                         nobody super admin supervisor teacher student parent
mine/student             401    ok    ok    ok         ok      ok      ok
mine/classmate           401    ok    ok    ok         ok      404     404
mine/teacher             401    ok    ok    ok         ok      404     404
mine/stranger            401    404   404   404        404     404     404
others/stranger          401    ok    ok    ok         404     404     404
others/student           401    404   404   404        404     404     404
foreign/foreign_student  401    ok    404   404        404     404     404
"""

PREFERRING = """
                 nobody super admin supervisor teacher student parent
teacher          401    ok    ok    403        ok      404     404
colleague        401    ok    ok    403        404     404     404
foreign_teacher  401    ok    404   404        404     404     404
student          401    404   404   404        404     404     404
"""

SETTINGS = "($academy: ID!) { %s(academyId: $academy, input: {%s}) { errors { code } } }"

MATRIX: dict[str, Row] = {
    "Query.viewer": Row(
        "{ viewer { id } }",
        _nothing,
        """
    nobody super admin supervisor teacher student parent
it  -      ok    ok    ok         ok      ok      ok
""",
    ),
    "Query.node": Row("query ($id: ID!) { node(id: $id) { id } }", _id, EVERYTHING),
    "Query.nodes": Row("query ($id: ID!) { nodes(ids: [$id]) { id } }", _id, EVERYTHING),
    "Query.academies": Row("{ academies(first: 100) { nodes { id } } }", _nothing, ACADEMIES),
    "Query.academy": Row("query ($id: ID!) { academy(id: $id) { id } }", _id, ACADEMIES),
    "Query.users": Row("{ users(first: 100) { nodes { id } } }", _nothing, USERS),
    "Query.groups": Row("{ groups(first: 100) { nodes { id } } }", _nothing, GROUPS),
    "Query.session": Row("query ($id: ID!) { session(id: $id) { id } }", _id, SESSIONS),
    "Query.sessions": Row("{ sessions(first: 100) { nodes { id } } }", _nothing, SESSIONS),
    "Query.stuckSessions": Row(
        "{ stuckSessions(first: 100) { nodes { id } } }",
        _nothing,
        """
         nobody super admin supervisor teacher student parent
mine     401    ok    ok    ok         -       -       -
others   401    ok    ok    ok         -       -       -
foreign  401    ok    -     -          -       -       -
""",
    ),
    "Query.attendance": Row(
        "query ($session: ID!, $user: ID!) "
        "{ attendance(sessionId: $session, userId: $user) { id } }",
        _row_of,
        ATTENDANCE,
    ),
    "Query.attendances": Row(
        "{ attendances(filter: {}, first: 100) { nodes { id } } }", _nothing, ATTENDANCES
    ),
    "Query.sessionPresence": Row(
        "query ($id: ID!) { sessionPresence(sessionId: $id) { version } }", _id, ROSTER
    ),
    "Query.sessionPresenceChanges": Row(
        'query ($id: ID!) { sessionPresenceChanges(sessionId: $id, after: "") { version } }',
        _id,
        ROSTER,
    ),
    "Query.webhookEvents": Row(
        "{ webhookEvents(first: 100) { nodes { id } } }", _nothing, WEBHOOKS
    ),
    "Query.meetingStatistics": Row("{ meetingStatistics { activeNow } }", _nothing, FOUNDING),
    "Query.systemStatus": Row("{ systemStatus { isHealthy } }", _nothing, ANYBODY_SIGNED_IN),
    "Mutation.signIn": Row(
        'mutation { signIn(email: "nobody@example.org", password: "wrong") { errors { code } } }',
        _nothing,
        """
    nobody super admin supervisor teacher student parent
it  bad    bad   bad   bad        bad     bad     bad
""",
    ),
    "Mutation.refreshAccessToken": Row(
        'mutation { refreshAccessToken(refreshToken: "unknown") { errors { code } } }',
        _nothing,
        """
    nobody super admin supervisor teacher student parent
it  bad    bad   bad   bad        bad     bad     bad
""",
    ),
    "Mutation.signOut": Row(
        'mutation { signOut(refreshToken: "unknown") { errors { code } } }',
        _nothing,
        """
    nobody super admin supervisor teacher student parent
it  ok     ok    ok    ok         ok      ok      ok
""",
    ),
    "Mutation.changePassword": Row(
        'mutation { changePassword(current: "wrong", new: "long enough") { errors { code } } }',
        _nothing,
        """
    nobody super admin supervisor teacher student parent
it  401    bad   bad   bad        bad     bad     bad
""",
    ),
    "Mutation.createAccessKey": Row(
        "mutation ($academy: ID!) "
        '{ createAccessKey(academyId: $academy, name: "Platform") { errors { code } } }',
        _academy,
        CONFIGURING,
    ),
    "Mutation.revokeAccessKey": Row(
        "mutation ($id: ID!) { revokeAccessKey(id: $id) { errors { code } } }",
        _id,
        """
                    nobody super admin supervisor teacher student parent
access_key          401    ok    ok    404        404     404     404
foreign_access_key  401    ok    404   404        404     404     404
""",
    ),
    "Mutation.createAcademy": Row(
        'mutation { createAcademy(input: {slug: "new", name: "New", timezone: "Asia/Riyadh"}) '
        "{ errors { code } } }",
        _nothing,
        FOUNDING,
    ),
    "Mutation.upsertUsers": Row(
        "mutation ($user: UserInput!) { upsertUsers(users: [$user]) { errors { code } } }",
        _person,
        CONFIGURING,
    ),
    "Mutation.upsertGroups": Row(
        "mutation ($group: GroupInput!) { upsertGroups(groups: [$group]) { errors { code } } }",
        _circle,
        CONFIGURING,
    ),
    "Mutation.addGroupMembers": Row(
        "mutation ($group: ID!, $user: ID!) { addGroupMembers(groupId: $group, "
        "members: [{userId: $user, via: SUBSCRIPTION}]) { errors { code } } }",
        _member,
        GATHERING,
    ),
    "Mutation.removeGroupMembers": Row(
        "mutation ($group: ID!, $user: ID!) "
        "{ removeGroupMembers(groupId: $group, userIds: [$user]) { errors { code } } }",
        _member,
        GATHERING,
    ),
    "Mutation.updateAcademy": Row(
        "mutation " + SETTINGS % ("updateAcademy", 'name: "Another"'), _academy, CONFIGURING
    ),
    "Mutation.updateTeacherMeetingSettings": Row(
        "mutation ($id: ID!) { updateTeacherMeetingSettings(teacherId: $id, "
        "input: {chatEnabled: false}) { errors { code } } }",
        _id,
        PREFERRING,
    ),
    "Mutation.updateVideoSettings": Row(
        "mutation " + SETTINGS % ("updateVideoSettings", "readyMinutesBefore: 20"),
        _academy,
        CONFIGURING,
    ),
    "Mutation.updateAttendancePolicy": Row(
        "mutation " + SETTINGS % ("updateAttendancePolicy", "lateAfterMinutes: 5"),
        _academy,
        CONFIGURING,
    ),
    "Mutation.scheduleSession": Row(
        "mutation ($plan: ScheduleSessionInput!) "
        "{ scheduleSession(input: $plan) { errors { code } } }",
        _plan,
        SCHEDULING,
    ),
    "Mutation.scheduleSessions": Row(
        "mutation ($plan: ScheduleSessionInput!) "
        "{ scheduleSessions(inputs: [$plan]) { errors { code } } }",
        _plan,
        SCHEDULING,
    ),
    "Mutation.rescheduleSession": Row(
        "mutation ($id: ID!, $at: DateTime!) "
        "{ rescheduleSession(sessionId: $id, scheduledAt: $at) { errors { code } } }",
        _later,
        MANAGING,
    ),
    "Mutation.cancelSession": Row(
        "mutation ($id: ID!) { cancelSession(sessionId: $id) { errors { code } } }", _id, MANAGING
    ),
    "Mutation.cancelSessions": Row(
        "mutation ($id: ID!) { cancelSessions(sessionIds: [$id]) { errors { code } } }",
        _id,
        DIRECTING,
    ),
    "Mutation.cancelDay": Row(
        "mutation ($academy: ID!) "
        '{ cancelDay(academyId: $academy, localDate: "2026-03-02") { errors { code } } }',
        _academy,
        SCHEDULING,
    ),
    "Mutation.updateSession": Row(
        'mutation ($id: ID!) { updateSession(sessionId: $id, input: {title: "Juz Amma"}) '
        "{ errors { code } } }",
        _id,
        MANAGING,
    ),
    "Mutation.keepSessionOpen": Row(
        "mutation ($id: ID!) { keepSessionOpen(sessionId: $id, minutes: 240) { errors { code } } }",
        _id,
        MANAGING,
    ),
    "Mutation.releaseSession": Row(
        "mutation ($id: ID!) { releaseSession(sessionId: $id) { errors { code } } }", _id, MANAGING
    ),
    "Mutation.changeSessionStatus": Row(
        "mutation ($id: ID!) "
        "{ changeSessionStatus(sessionId: $id, to: ONGOING) { errors { code } } }",
        _id,
        DIRECTING,
    ),
    "Mutation.addParticipant": Row(
        "mutation ($session: ID!, $user: ID!) "
        "{ addParticipant(sessionId: $session, userId: $user) { errors { code } } }",
        _somebody_else,
        ADDING,
    ),
    "Mutation.unbarParticipant": Row(
        "mutation ($session: ID!, $user: ID!) "
        "{ unbarParticipant(sessionId: $session, userId: $user) { errors { code } } }",
        _teacher_of,
        MANAGING,
    ),
    "Mutation.createMeeting": Row(
        "mutation ($id: ID!) { createMeeting(input: {sessionId: $id}) { errors { code } } }",
        _id,
        MANAGING,
    ),
    "Mutation.endMeeting": Row(
        "mutation ($id: ID!) { endMeeting(sessionId: $id) { errors { code } } }", _id, MANAGING
    ),
    "Mutation.createMeetingToken": Row(
        "mutation ($id: ID!) { createMeetingToken(input: {sessionId: $id}) { errors { code } } }",
        _id,
        JOINING,
    ),
    "Mutation.reportJoin": Row(
        "mutation ($id: ID!) { reportJoin(sessionId: $id) { errors { code } } }", _id, JOINING
    ),
    "Mutation.reportLeave": Row(
        "mutation ($id: ID!) { reportLeave(sessionId: $id) { errors { code } } }", _id, LEAVING
    ),
    "Mutation.overrideAttendance": Row(
        "mutation ($session: ID!, $user: ID!) { overrideAttendance("
        'sessionId: $session, userId: $user, status: EXCUSED, note: "A flat tyre.") '
        "{ errors { code } } }",
        _row_of,
        JUDGING,
    ),
    "Mutation.overrideAttendances": Row(
        "mutation ($session: ID!, $user: ID!) { overrideAttendances("
        'sessionId: $session, userIds: [$user], status: EXCUSED, note: "A flat tyre.") '
        "{ errors { code } } }",
        _row_of,
        JUDGING,
    ),
    "Mutation.withdrawAttendanceOverride": Row(
        "mutation ($session: ID!, $user: ID!) "
        "{ withdrawAttendanceOverride(sessionId: $session, userId: $user) { errors { code } } }",
        _row_of,
        JUDGING,
    ),
    "Mutation.recalculateAttendance": Row(
        "mutation ($id: ID!) { recalculateAttendance(sessionId: $id) { errors { code } } }",
        _id,
        MANAGING,
    ),
    "Subscription.sessionPresence": Row(
        "subscription ($id: ID!) { sessionPresence(sessionId: $id) { version } }",
        _id,
        WATCHING_ROSTER,
    ),
    "Subscription.sessionEvents": Row(
        "subscription ($id: ID!) { sessionEvents(sessionId: $id) { sequence } }", _id, JOINING
    ),
    "Subscription.attendance": Row(
        "subscription ($session: ID!, $user: ID!) "
        "{ attendance(sessionId: $session, userId: $user) { version } }",
        _row_of,
        WATCHING_ROW,
    ),
    "Subscription.systemStatus": Row(
        "subscription { systemStatus { isHealthy } }", _nothing, ANYBODY_SIGNED_IN
    ),
}

"""An academy and its sessions, made and used through the public doors alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.livekit.classroom import Classroom
from tests.livekit.door import Person
from tests.livekit.place import Place

PASSWORD = "a long enough password"
SETTLES_WITHIN_S = 20.0

CREATE = """
mutation($input: AcademyInput!) {
  createAcademy(input: $input) { academy { id } errors { code message field } }
}
"""
POLICY = """
mutation($id: ID!, $input: AttendancePolicyInput!) {
  updateAttendancePolicy(academyId: $id, input: $input) { errors { code message field } }
}
"""
VIDEO = """
mutation($id: ID!, $input: VideoSettingsInput!) {
  updateVideoSettings(academyId: $id, input: $input) { errors { code message field } }
}
"""
USERS = """
mutation($users: [UserInput!]!) {
  upsertUsers(users: $users) { errors { code message field } }
}
"""
GROUPS = """
mutation($groups: [GroupInput!]!) {
  upsertGroups(groups: $groups) { groups { id } errors { code message field } }
}
"""
SCHEDULE = """
mutation($input: ScheduleSessionInput!) {
  scheduleSession(input: $input) {
    session { id status scheduledAt endsAt meeting { roomName } } errors { code message field }
  }
}
"""


@dataclass
class School:
    """`people` by name, all signed in; the students are the members of one group."""

    campus: Place
    id: str
    slug: str
    group: str = ""
    people: dict[str, Person] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    @asynccontextmanager
    async def classroom(self, *, starts_in_s: float, minutes: int) -> AsyncIterator[Classroom]:
        """A session of the group; everybody still in its room leaves at the end."""
        starts_at = datetime.now(UTC) + timedelta(seconds=starts_in_s)
        plan = {
            "academyId": self.id,
            "kind": "QURAN",
            "title": "Surat al-Kahf",
            "teacherId": self["teacher"].id,
            "groupId": self.group,
            "scheduledAt": starts_at.isoformat(),
            "durationMinutes": minutes,
        }
        payload = await self.campus.door.do(SCHEDULE, self["admin"], input=plan)
        classroom = Classroom(self.campus, self.people, payload["session"])
        try:
            yield classroom
        finally:
            await classroom.empty()

    async def sign_in(self, *names: str) -> None:
        """Give these people, or all, new tokens, which last a quarter of an hour."""
        sign_in = self.campus.door.sign_in
        signed_in = [
            sign_in(name, _email(self, name), PASSWORD, self.slug) for name in names or self.people
        ]
        for person in await asyncio.gather(*signed_in):
            self.people[person.name] = person

    async def enrol(self, name: str, role: str) -> Person:
        """Add one person, signed in."""
        await _enrol(self, self["admin"], [_user(self, name, role)])
        return self[name]

    async def deactivate(self, name: str, role: str) -> None:
        users = [_user(self, name, role) | {"isActive": False}]
        await self.campus.door.do(USERS, self["admin"], users=users)

    async def set_video(self, **settings: Any) -> None:
        await self.campus.door.do(VIDEO, self["admin"], id=self.id, input=settings)


async def open_school(
    campus: Place, slug: str, *students: str, gap_s: int = 120, **policy: Any
) -> School:
    """An academy with an admin, a teacher, a parent of the first student, and these students."""
    root = await campus.sign_in_root()
    academy = {"slug": slug, "name": slug, "timezone": "Asia/Riyadh"}
    payload = await campus.door.do(CREATE, root, input=academy)
    school = School(campus, payload["academy"]["id"], slug)
    await _enrol(school, root, [_user(school, "admin", "ACADEMY_ADMIN")])
    await _configure(school, {"mergeGapSeconds": gap_s} | policy)
    people = [_user(school, "teacher", "TEACHER"), _user(school, "parent", "PARENT")]
    people += [_user(school, name, "STUDENT") for name in students]
    people[2]["guardianExternalIds"] = ["parent"]
    await _enrol(school, school["admin"], people)
    await _gather(school, students)
    return school


def _user(school: School, name: str, role: str) -> dict[str, Any]:
    return {
        "externalId": name,
        "academyId": school.id,
        "role": role,
        "firstName": name.capitalize(),
        "lastName": "Ali",
        "email": _email(school, name),
        "password": PASSWORD,
    }


def _email(school: School, name: str) -> str:
    return f"{name}@{school.slug}.example"


async def _enrol(school: School, by: Person, users: list[dict[str, Any]]) -> None:
    """Upsert these users and sign them in."""
    await school.campus.door.do(USERS, by, users=users)
    await school.sign_in(*(user["externalId"] for user in users))


async def _configure(school: School, policy: dict[str, Any]) -> None:
    door, admin = school.campus.door, school["admin"]
    await door.do(POLICY, admin, id=school.id, input=policy)
    await school.set_video(completionBufferMinutes=0)


async def _gather(school: School, students: tuple[str, ...]) -> None:
    members = [{"userExternalId": name, "via": "ENROLMENT"} for name in students]
    circle = {
        "externalId": "circle",
        "academyId": school.id,
        "kind": "CIRCLE",
        "name": "Circle",
        "teacherExternalId": "teacher",
        "members": members,
    }
    payload = await school.campus.door.do(GROUPS, school["admin"], groups=[circle])
    school.group = payload["groups"][0]["id"]

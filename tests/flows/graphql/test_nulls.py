"""Null means the same as left out, in each input and for each optional argument of a mutation.

Typed clients send null for what was not set. What null clears is listed here by hand, and what is
new in the schema needs a line.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, get_named_type

from domain.event import SessionEventKind
from domain.session import SessionKind
from domain.status import SessionStatus
from models import (
    Academy,
    AccessKey,
    Group,
    Membership,
    Session,
    SessionEvent,
    TeacherMeetingSettings,
    User,
    VideoSettings,
)
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import SCHEMA, Answer, Asker, payload
from tests.support.configuring import set_academy, set_policy, set_preferences, set_video
from tests.support.lists import ATTENDANCES, GROUPS, SESSIONS, USERS, ids
from tests.support.scene import Scene, dump
from tests.support.sign_ins import HASH, PASSWORD
from tests.support.upserts import person, upsert_groups, upsert_users

# Null keeps these. Each has a value that it does not have by itself.
KEPT = {
    "VideoSettingsInput.autoCreateMeetings": False,
    "VideoSettingsInput.autoEndMeetings": False,
    "VideoSettingsInput.readyMinutesBefore": 21,
    "VideoSettingsInput.meetingCreationMinutesBefore": 22,
    "VideoSettingsInput.meetingCreationBlockedDays": ["FRIDAY"],
    "VideoSettingsInput.completionBufferMinutes": 7,
    "VideoSettingsInput.maxOvertimeMinutes": 8,
    "VideoSettingsInput.defaultMaxParticipants": 33,
    "VideoSettingsInput.maxDurationMinutes": 90,
    "VideoSettingsInput.emptyTimeoutSeconds": 77,
    "VideoSettingsInput.recordByDefault": True,
    "VideoSettingsInput.tokenTtlMinutes": 44,
    "VideoSettingsInput.teachersJoinAnySession": True,
    "VideoSettingsInput.teachersScheduleSessions": False,
    "VideoSettingsInput.refuseConflicts": True,
    "AttendancePolicyInput.presentFromPercent": 91,
    "AttendancePolicyInput.partialFromPercent": 12,
    "AttendancePolicyInput.lateAfterMinutes": 6,
    "AttendancePolicyInput.lateBeforePartial": True,
    "AttendancePolicyInput.minimumHeldMinutes": 5,
    "AttendancePolicyInput.mergeGapSeconds": 66,
    "AttendancePolicyInput.staleAfterMinutes": 43,
    "UpdateAcademyInput.name": "Noor",
    "UpdateAcademyInput.timezone": "Africa/Cairo",
    "UpdateAcademyInput.locale": "en",
    "UpdateAcademyInput.isActive": False,
    "UpdateAcademyInput.meetingLinkTemplate": "https://example.org/{room}",
    "UpdateSessionInput.title": "Juz Amma",
    "UpdateSessionInput.notes": "Bring it",
    "UpdateSessionInput.teacherId": "colleague",
    "UpdateSessionInput.studentId": "stranger",
    "UpdateSessionInput.groupId": "others_circle",
    "UpdateSessionInput.subject": "Algebra",
    "UpdateSessionInput.sessionNumber": 4,
    "CreateMeetingInput.maxParticipants": 12,
    "CreateMeetingInput.recordingEnabled": True,
    "CreateMeetingInput.maxDurationMinutes": 75,
    "UserInput.email": "sara@example.org",
    "UserInput.password": PASSWORD,
    "UserInput.isActive": False,
    "UserInput.guardianExternalIds": ["parent"],
}
# Null clears these: a value to set first, and the column that is null afterwards.
CLEARED: dict[str, tuple[Any, str]] = {
    "VideoSettingsInput.meetingCreationTimeStart": ("08:00", "meeting_creation_time_start"),
    "VideoSettingsInput.meetingCreationTimeEnd": ("20:00", "meeting_creation_time_end"),
    "TeacherMeetingSettingsInput.maxParticipants": (12, "max_participants"),
    "TeacherMeetingSettingsInput.recordingEnabled": (True, "recording_enabled"),
    "TeacherMeetingSettingsInput.videoQuality": ("LOW", "video_quality"),
    "TeacherMeetingSettingsInput.audioQuality": ("LOW", "audio_quality"),
    "TeacherMeetingSettingsInput.screenSharingEnabled": (False, "screen_sharing_enabled"),
    "TeacherMeetingSettingsInput.chatEnabled": (False, "chat_enabled"),
    "TeacherMeetingSettingsInput.muteOnJoin": (True, "mute_on_join"),
    "TeacherMeetingSettingsInput.theme": ("dusk", "theme"),
    "GroupInput.teacherExternalId": ("colleague", "teacher_id"),
}
# Null is the default of these, in what is made or done: the tests below say which.
DEFAULTED = {
    "AcademyInput.locale",
    "AcademyInput.meetingLinkTemplate",
    "UserInput.academyId",
    "GroupMemberInput.activeFrom",
    "GroupMemberInput.activeUntil",
    "AddGroupMemberInput.userId",
    "AddGroupMemberInput.userExternalId",
    "AddGroupMemberInput.activeFrom",
    "AddGroupMemberInput.activeUntil",
    "ScheduleSessionInput.externalId",
    "ScheduleSessionInput.notes",
    "ScheduleSessionInput.studentId",
    "ScheduleSessionInput.groupId",
    "ScheduleSessionInput.subject",
    "ScheduleSessionInput.sessionNumber",
    "signIn.academySlug",
    "createAccessKey.expiresAt",
    "rescheduleSession.durationMinutes",
    "cancelSession.reason",
    "cancelSessions.reason",
    "cancelDay.teacherId",
    "cancelDay.groupId",
    "cancelDay.reason",
    "changeSessionStatus.reason",
    "keepSessionOpen.minutes",
    "reportJoin.participantSid",
    "reportLeave.participantSid",
}

Send = Callable[..., Awaitable[Answer]]


def optional(owner: str, of: Any) -> set[str]:
    return {
        f"{owner}.{name}" for name, one in of.items() if not isinstance(one.type, GraphQLNonNull)
    }


def walk() -> set[str]:
    """Name each optional argument of a mutation, and each optional field of their inputs."""
    found: set[str] = set()
    inputs: list[Any] = []
    mutations = SCHEMA._schema.mutation_type
    assert mutations is not None
    for name, mutation in mutations.fields.items():
        found |= optional(name, mutation.args)
        inputs += [get_named_type(argument.type) for argument in mutation.args.values()]
    while inputs:
        one = inputs.pop()
        if isinstance(one, GraphQLInputObjectType):
            found |= optional(one.name, one.fields)
            inputs += [get_named_type(field.type) for field in one.fields.values()]
    return found


def test_each_optional_input_says_what_null_means() -> None:
    assert walk() == KEPT.keys() | CLEARED.keys() | DEFAULTED


@pytest.mark.parametrize("path", KEPT)
async def test_null_keeps_what_is_there(asker: Asker, there: Scene, path: str) -> None:
    owner, _, field = path.partition(".")
    send = await sender(asker, there, owner, field)
    if owner != "CreateMeetingInput":  # a meeting has its options from when it is made
        payload(await send())
    before = await dump()
    payload(await send(**{field: named(there, field, KEPT[path])}))
    kept = await dump()
    assert kept != before
    payload(await send(**{field: None}))
    assert await dump() == kept


@pytest.mark.parametrize("path", CLEARED)
async def test_null_clears_what_its_description_says(asker: Asker, there: Scene, path: str) -> None:
    owner, _, field = path.partition(".")
    # The two ends of a window belong together.
    together = [one for one in CLEARED if "Time" in one] if "Time" in path else [path]
    values = {one.partition(".")[2]: CLEARED[one][0] for one in together}
    send = await sender(asker, there, owner, field)
    payload(await send(**{name: named(there, name, value) for name, value in values.items()}))
    column = CLEARED[path][1]
    assert await stored(there, owner, column) is not None
    payload(await send())
    assert await stored(there, owner, column) is not None
    payload(await send(**dict.fromkeys(values)))
    assert await stored(there, owner, column) is None


def named(there: Scene, field: str, value: Any) -> Any:
    """The value as a client gives it: people by their ids, or by the platform's keys."""
    if field.endswith("ExternalIds"):
        return [there[one].external_id for one in value]
    if field.endswith("ExternalId"):
        return there[value].external_id
    return there.id(value) if field.endswith("Id") else value


async def stored(there: Scene, owner: str, column: str) -> Any:
    rows: dict[str, Any] = {
        "VideoSettingsInput": VideoSettings.get(academy_id=there["academy"].id),
        "TeacherMeetingSettingsInput": TeacherMeetingSettings.get(teacher_id=there["teacher"].id),
        "GroupInput": Group.get(id=there["circle"].id),
    }
    return getattr(await rows[owner], column)


async def sender(asker: Asker, there: Scene, owner: str, field: str) -> Send:
    """Return what sends an input with the given fields, and with all that it requires."""
    admin, now = there["admin"], there.now
    settings: dict[str, Send] = {
        "VideoSettingsInput": set_video,
        "AttendancePolicyInput": set_policy,
        "UpdateAcademyInput": set_academy,
        "TeacherMeetingSettingsInput": set_preferences,
    }
    if owner in settings:
        return lambda **fields: settings[owner](asker, there, **fields)
    if owner == "UserInput":
        return lambda **fields: upsert_users(asker, admin, person("new", **fields))
    if owner == "GroupInput":
        return lambda **fields: upsert_groups(asker, admin, circle(there, **fields))
    kinds = {"subject": SessionKind.ACADEMIC, "sessionNumber": SessionKind.INTERACTIVE_COURSE}
    people = {"group": there["circle"]} if field == "groupId" else {"student": there["student"]}
    session = await make.session(
        there["academy"],
        there["teacher"],
        at=now + timedelta(hours=3),
        kind=kinds.get(field, SessionKind.QURAN),
        **people,
    )
    id = encode(Kind.SESSION, session.id)
    if owner == "UpdateSessionInput":
        return lambda **fields: asker.ask(UPDATE, admin, now=now, id=id, input=fields)
    assert owner == "CreateMeetingInput"
    return lambda **fields: asker.ask(CREATE, admin, now=now, input={"sessionId": id} | fields)


UPDATE = """
mutation ($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) { errors { code field } } }
"""
CREATE = """
mutation ($input: CreateMeetingInput!) { createMeeting(input: $input) { errors { code field } } }
"""
ADD = """
mutation ($group: ID!, $members: [AddGroupMemberInput!]!) {
  addGroupMembers(groupId: $group, members: $members) { errors { code field } } }
"""
SCHEDULE = """
mutation ($input: ScheduleSessionInput!) {
  scheduleSession(input: $input) { session { databaseId } errors { code field } } }
"""
FOUND = (
    "mutation ($input: AcademyInput!) { createAcademy(input: $input) { errors { code field } } }"
)


def circle(there: Scene, **fields: Any) -> dict[str, Any]:
    row = there["circle"]
    required = {"externalId": row.external_id, "kind": row.kind, "name": row.name, "members": []}
    return required | {"academyId": there.id("academy")} | fields


# --- what is new


async def test_null_in_a_new_academy_is_the_default(asker: Asker, there: Scene) -> None:
    new = {"slug": "noor", "name": "Noor", "timezone": "UTC"}
    nulls = {"locale": None, "meetingLinkTemplate": None}
    payload(await asker.ask(FOUND, there["super"], input=new | nulls))
    row = await Academy.get(slug="noor")
    assert (row.locale, row.meeting_link_template) == ("ar", None)


async def test_null_in_a_new_person_is_the_default(asker: Asker, there: Scene) -> None:
    names = ("academyId", "email", "password", "isActive", "guardianExternalIds")
    payload(await upsert_users(asker, there["admin"], person("new", **dict.fromkeys(names))))
    row = await User.get(external_id="new")
    assert (row.academy_id, row.is_active) == (there["academy"].id, True)
    assert (row.email, row.password_hash) == (None, None)


async def test_a_typed_clients_rename_changes_nothing_but_the_name(
    asker: Asker, there: Scene
) -> None:
    await User.filter(id=there["student"].id).update(password_hash=HASH)
    before = await User.get(id=there["student"].id)
    nulls = dict.fromkeys(("academyId", "email", "password", "isActive", "guardianExternalIds"))
    renamed = person(str(before.external_id), firstName="Zaynab", lastName="Omar", **nulls)
    done = payload(await upsert_users(asker, there["admin"], renamed))["users"][0]
    after = await User.get(id=before.id)
    assert (after.email, after.password_hash) == (before.email, HASH)
    assert done["firstName"] == "Zaynab"
    assert done["guardians"] == [{"externalId": there["parent"].external_id}]


async def test_a_typed_clients_title_is_a_teachers_to_change(asker: Asker, there: Scene) -> None:
    fields = dict.fromkeys(path.partition(".")[2] for path in KEPT if "UpdateSession" in path)
    renamed = fields | {"title": "Juz Amma"}
    answer = await asker.ask(
        UPDATE, there["teacher"], now=there.now, id=there.id("mine"), input=renamed
    )
    payload(answer)
    row = await Session.get(id=there["mine"].id)
    assert (row.title, row.group_id) == ("Juz Amma", there["circle"].id)


async def test_null_in_a_membership_is_no_bound(asker: Asker, there: Scene) -> None:
    member = {"userExternalId": there["stranger"].external_id, "via": "ENROLMENT"}
    members = [member | {"activeFrom": None, "activeUntil": None}]
    payload(await upsert_groups(asker, there["admin"], circle(there, members=members)))
    row = await Membership.get(group_id=there["circle"].id, user_id=there["stranger"].id)
    assert (row.active_from, row.active_until) == (None, None)


@pytest.mark.parametrize("name", ["userId", "userExternalId"])
async def test_null_in_an_added_member_is_no_name_and_no_bound(
    asker: Asker, there: Scene, name: str
) -> None:
    stranger = there["stranger"]
    nulls = dict.fromkeys(("userId", "userExternalId", "activeFrom", "activeUntil"))
    given = there.id("stranger") if name == "userId" else stranger.external_id
    member = nulls | {"via": "ENROLMENT", name: given}
    group = there.id("circle")
    payload(await asker.ask(ADD, there["admin"], group=group, members=[member]))
    row = await Membership.get(group_id=there["circle"].id, user_id=stranger.id)
    assert (row.active_from, row.active_until) == (None, None)


@pytest.mark.parametrize("people", ["studentId", "groupId"])
async def test_null_in_a_new_session_is_nothing(asker: Asker, there: Scene, people: str) -> None:
    nulls = dict.fromkeys(
        ("externalId", "notes", "studentId", "groupId", "subject", "sessionNumber")
    )
    new = nulls | {
        "academyId": there.id("academy"),
        "kind": "QURAN",
        "title": "Juz Amma",
        "teacherId": there.id("teacher"),
        "scheduledAt": (there.now + timedelta(hours=3)).isoformat(),
        people: there.id("student" if people == "studentId" else "circle"),
    }
    made = payload(await asker.ask(SCHEDULE, there["admin"], now=there.now, input=new))
    row = await Session.get(id=made["session"]["databaseId"])
    given = (row.external_id, row.notes, row.subject, row.session_number)
    assert not any(value is not None for value in given)
    assert (row.student_id is None, row.group_id is None) == (
        people == "groupId",
        people == "studentId",
    )


# --- arguments


async def test_null_for_an_argument_is_as_if_it_were_left_out(asker: Asker, there: Scene) -> None:
    async def act(field: str, who: str, minutes: int = 0, **ids: str) -> None:
        given = ", ".join(f'{name}: "{value}"' for name, value in ids.items())
        document = f"mutation {{ {field.format(given)} {{ errors {{ code field }} }} }}"
        now = there.now + timedelta(minutes=minutes)
        payload(await asker.ask(document, there[who], now=now))

    mine, others = there.id("mine"), there.id("others")
    user = there["student"]
    await User.filter(id=user.id).update(password_hash=HASH)
    await act(
        f'signIn(email: "{user.email}", password: "{PASSWORD}", academySlug: null)', "student"
    )
    await act(
        'createAccessKey({}, name: "Second", expiresAt: null)',
        "admin",
        academyId=there.id("academy"),
    )
    assert (await AccessKey.get(name="Second")).expires_at is None

    at = (there.now + timedelta(minutes=6)).isoformat()
    moved = f'rescheduleSession({{}}, scheduledAt: "{at}", durationMinutes: null)'
    await act(moved, "admin", sessionId=mine)
    assert (await Session.get(id=there["mine"].id)).duration_minutes == 60
    await act("changeSessionStatus({}, to: ONGOING, reason: null)", "admin", sessionId=mine)
    event = await SessionEvent.filter(kind=SessionEventKind.STATUS_CHANGED).order_by("-id").first()
    assert event is not None
    assert event.payload["reason"] is None
    await act("keepSessionOpen({}, minutes: null)", "admin", sessionId=mine)
    row = await Session.get(id=there["mine"].id)
    assert row.kept_open_until == row.ends_at + timedelta(minutes=30)
    await act("reportJoin({}, participantSid: null)", "student", 7, sessionId=mine)
    await act("reportLeave({}, participantSid: null)", "student", 8, sessionId=mine)

    await act("cancelSession({}, reason: null)", "admin", sessionId=others)
    assert (await Session.get(id=there["others"].id)).cancellation_reason is None
    late = await make.session(
        there["academy"],
        there["teacher"],
        student=user,
        at=there.now + timedelta(hours=3),
    )
    many = f'cancelSessions(sessionIds: ["{encode(Kind.SESSION, late.id)}"], reason: null)'
    await act(many, "admin")
    assert (await Session.get(id=late.id)).cancellation_reason is None
    last = await make.session(
        there["academy"],
        there["teacher"],
        student=user,
        at=there.now + timedelta(hours=4),
    )
    day = last.scheduled_at.date().isoformat()
    nothing = "teacherId: null, groupId: null, reason: null"
    await act(
        f'cancelDay({{}}, localDate: "{day}", {nothing})', "admin", academyId=there.id("academy")
    )
    cancelled = await Session.get(id=last.id)
    assert cancelled.status is SessionStatus.CANCELLED
    assert cancelled.cancellation_reason is None


# --- filters


@pytest.mark.parametrize(
    ("query", "filter"),
    [
        (USERS, "UserFilter"),
        (GROUPS, "GroupFilter"),
        (SESSIONS, "SessionFilter"),
        (ATTENDANCES, "AttendanceFilter"),
    ],
)
async def test_null_in_a_filter_sets_no_condition(
    asker: Asker, there: Scene, query: str, filter: str
) -> None:
    type_ = SCHEMA._schema.type_map[filter]
    assert isinstance(type_, GraphQLInputObjectType)
    everything = await ids(asker, there["admin"], query)
    assert len(everything) >= 2
    for name in type_.fields:
        assert await ids(asker, there["admin"], query, **{name: None}) == everything, name

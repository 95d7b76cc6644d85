"""Sessions, and the rules that say which of them a viewer sees and manages."""

from datetime import datetime, timedelta
from typing import Any, Self

from tortoise import fields
from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Permit, UserRole, Viewer
from domain.attendance.fold import ATTENDANCE_RULE, Policy
from domain.errors import ForbiddenError, NotFoundError
from domain.meeting import MeetingOptions, layered
from domain.membership import Occasion
from domain.rooms import ROOM_NAME_MAX_CHARS
from domain.session import MeetingSource, SessionFormat, SessionKind
from domain.status import SessionStatus, Timeline
from domain.window import Gate
from models.academy import Academy, VideoSettings, open_to_teachers
from models.database.fields import ShortText, UtcDatetime
from models.group import Group, in_household
from models.participant import SessionParticipant
from models.user import TeacherMeetingSettings, User


class Session(Model):
    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="sessions", on_delete=fields.RESTRICT
    )
    academy_id: int
    external_id = ShortText(max_length=200, null=True)
    kind = fields.CharEnumField(SessionKind, max_length=20)
    format = fields.CharEnumField(SessionFormat, max_length=20)
    title = ShortText(max_length=300)
    notes = fields.TextField(null=True)
    subject = ShortText(max_length=300, null=True)
    session_number = fields.IntField(null=True)
    teacher: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="taught", on_delete=fields.RESTRICT, db_index=True
    )
    teacher_id: int
    student: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="individual_sessions", null=True, on_delete=fields.RESTRICT
    )
    student_id: int | None
    group: fields.ForeignKeyNullableRelation[Group] = fields.ForeignKeyField(
        "models.Group", related_name="sessions", null=True, on_delete=fields.RESTRICT, db_index=True
    )
    group_id: int | None

    status = fields.CharEnumField(SessionStatus, max_length=20)
    version = fields.IntField(default=0)
    version_mark = fields.BigIntField(default=0)  # the mark of the event at `version`
    scheduled_at: datetime = UtcDatetime()
    duration_minutes = fields.IntField()
    ends_at: datetime = UtcDatetime()
    ready_at: datetime = UtcDatetime()
    completes_at: datetime = UtcDatetime()
    overtime_until: datetime = UtcDatetime()
    next_transition_at: datetime | None = UtcDatetime(null=True)
    parked_until: datetime | None = UtcDatetime(null=True)
    last_error = fields.TextField(null=True)
    opened_at: datetime | None = UtcDatetime(null=True)  # first READY or ONGOING
    put_back_at: datetime | None = UtcDatetime(null=True)  # from READY or ONGOING to SCHEDULED
    started_at: datetime | None = UtcDatetime(null=True)
    ended_at: datetime | None = UtcDatetime(null=True)
    finalised_at: datetime | None = UtcDatetime(null=True)
    held_until: datetime | None = UtcDatetime(null=True)  # a person ended it then, early
    attendance_rule = fields.IntField(default=ATTENDANCE_RULE)  # the rules that judge its results
    closed_from: datetime | None = UtcDatetime(null=True)  # its academy was inactive, at its start
    kept_open_since: datetime | None = UtcDatetime(null=True)
    kept_open_until: datetime | None = UtcDatetime(null=True)
    kept_open_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="kept_open", null=True, on_delete=fields.RESTRICT
    )
    kept_open_by_id: int | None
    cancellation_reason = fields.TextField(null=True)
    attendance_policy: dict[str, Any] = fields.JSONField()

    meeting_id = ShortText(max_length=40, null=True)
    room_name = ShortText(max_length=ROOM_NAME_MAX_CHARS, null=True, unique=True)
    meeting_link = ShortText(max_length=700, null=True)
    meeting_source = fields.CharEnumField(MeetingSource, max_length=20, null=True)
    meeting_created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="meetings", null=True, on_delete=fields.RESTRICT
    )
    meeting_created_by_id: int | None
    meeting_created_at: datetime | None = UtcDatetime(null=True)
    meeting_expires_at: datetime | None = UtcDatetime(null=True)
    meeting_ended_at: datetime | None = UtcDatetime(null=True)
    meeting_options: dict[str, Any] | None = fields.JSONField(null=True)
    # The options that createMeeting itself asked for; a change of teacher or settings keeps them.
    meeting_wishes: dict[str, Any] | None = fields.JSONField(null=True)
    meeting_refusal: dict[str, Any] | None = fields.JSONField(null=True)
    room_sid = ShortText(max_length=64, null=True)
    room_created_ms = fields.BigIntField(null=True)
    room_first_ready_at: datetime | None = UtcDatetime(null=True)
    room_ready_at: datetime | None = UtcDatetime(null=True)
    room_seen_at: datetime | None = UtcDatetime(null=True)
    room_error = fields.TextField(null=True)

    created_at: datetime = UtcDatetime()
    updated_at: datetime = UtcDatetime()

    # The writing shelf reads these for a session that has no meeting yet.
    teacher_settings: TeacherMeetingSettings | None = None

    class Meta:
        table = "sessions"
        unique_together = (("academy", "external_id"),)

    @property
    def timeline(self) -> Timeline:
        return self.timeline_with(0)

    def timeline_with(self, people_inside: int) -> Timeline:
        """Return the dates of the moves that are due; people inside can delay the last one."""
        return Timeline(
            status=self.status,
            ready_at=self.ready_at,
            scheduled_at=self.scheduled_at,
            completes_at=self.completes_at,
            overtime_until=self.overtime_until,
            people_inside=people_inside,
            kept_open_until=self.kept_open_until,
        )

    @property
    def next_transition(self) -> tuple[SessionStatus, datetime] | None:
        """The next status and its time, which is later than scheduled while people keep a session
        open."""
        following, at = self.timeline.next_move, self.next_transition_at
        return (following[0], at) if following and at else None

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether a move is due that nobody has made yet."""
        return self.next_transition_at is not None and self.next_transition_at <= now

    def may_wait(self, now: datetime) -> bool:
        """Tell whether its time is over and its academy lets completion wait for people inside."""
        return self.overtime_until > self.completes_at <= now

    @property
    def open_until(self) -> datetime:
        """The scheduled end, or a later moment until which somebody keeps it open."""
        return max(self.ends_at, self.kept_open_until or self.ends_at)

    @property
    def occasion(self) -> Occasion:
        """The session as memberships of its group see it."""
        return Occasion(self.scheduled_at, self.open_until, self.created_at)

    @property
    def options(self) -> MeetingOptions:
        """The options of its meeting; the defaults while it has none."""
        return MeetingOptions.from_dict(self.meeting_options or {})

    def options_by(
        self, settings: VideoSettings, teacher: TeacherMeetingSettings | None
    ) -> MeetingOptions:
        """Take the values of `createMeeting`, else the teacher's, else the academy's."""
        preferences = teacher.options() if teacher else {}
        layers = (self.meeting_wishes or {}, preferences, settings.options())
        return layered(layers, self.duration_minutes)

    @property
    def gate(self) -> Gate:
        """The gate of its academy, which must be read with the session, with its settings."""
        return self.academy.video_settings.gate(self.academy)

    @property
    def teacher_due_at(self) -> datetime:
        """The moment from which a teacher who has not come is missing, by its own policy."""
        return self.scheduled_at + timedelta(minutes=self.policy.late_after_minutes)

    @property
    def policy(self) -> Policy:
        """The academy's rules of attendance as they were when it was scheduled."""
        return Policy(**self.attendance_policy)

    def wants_room(self, now: datetime) -> bool:
        """Tell whether it should have a room: not when its end passed before the first room."""
        is_late = self.room_first_ready_at is None and now >= self.open_until
        return self.room_name is not None and not is_late

    @property
    def was_joinable(self) -> bool:
        """True when somebody could have joined before the end: the session opened, LiveKit had its
        room, and its academy was active at the start or again before the end."""
        ready = self.room_first_ready_at
        opened = self.opened_at is not None and self.opened_at < self.ends_at
        has_room = ready is not None and ready < self.ends_at
        return opened and has_room and self.closed_from is None

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the sessions that the viewer sees: those that they manage, and those with them or
        their child on the roster; for a teacher also all others, if the academy lets them in."""
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        rostered = SessionParticipant.showing().filter(in_household(viewer))
        on_roster = Q(id__in=Subquery(rostered.values("session_id")))
        if viewer.role is UserRole.TEACHER:
            everywhere = Q(academy_id__in=Subquery(open_to_teachers().values("academy_id")))
            return academy.filter(Q(teacher_id=viewer.user_id) | on_roster | everywhere)
        return academy.filter(on_roster)

    @classmethod
    def managed_by(cls, viewer: Viewer) -> Q:
        """Return the condition that selects, of visible rows, those that the viewer manages."""
        if viewer.is_super_admin or viewer.runs_academy:
            return Q()
        own = Q(teacher_id=viewer.user_id)
        return own if viewer.role is UserRole.TEACHER else Q(id__in=[])

    def is_managed_by(self, viewer: Viewer) -> bool:
        """Tell whether the viewer is its teacher, staff of its academy, or a super admin."""
        if viewer.is_super_admin:
            return True
        if viewer.academy_id != self.academy_id:
            return False
        own = viewer.role is UserRole.TEACHER and self.teacher_id == viewer.user_id
        return viewer.runs_academy or own

    def room_error_for(self, viewer: Viewer) -> str | None:
        """Return the error to viewers who manage the session: it tells of our servers."""
        return self.room_error if self.is_managed_by(viewer) else None

    @classmethod
    async def fetch_for(cls, viewer: Viewer, session_id: int, permit: Permit) -> Self:
        """Return the session; raise NOT_FOUND if the viewer does not see it, FORBIDDEN without the
        permit for it."""
        session = await cls.visible_to(viewer).get_or_none(id=session_id)
        if session is None:
            raise NotFoundError("No such session.")
        session.check(viewer, permit)
        return session

    def check(self, viewer: Viewer, permit: Permit) -> None:
        """Raise FORBIDDEN unless the viewer has the permit, and manages the session if it needs
        more than SEE."""
        managed = permit is Permit.SEE or self.is_managed_by(viewer)
        if not (managed and viewer.may(permit)):
            raise ForbiddenError("Your role does not allow this.")

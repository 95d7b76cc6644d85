"""The demo's academy: its people, a session that always runs, and one that is to come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.queryset import QuerySet

from actions.academies import academy_create, group_upsert, user_upsert
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.super_admin_create import create_super_admin
from actions.academies.user_upsert import PersonInput
from actions.sessions.session_input import SessionInput
from actions.sessions.session_schedule import schedule_session
from domain.access import UserRole
from domain.errors import ConflictError
from domain.session import GroupKind, MembershipSource, SessionKind
from domain.status import OPEN
from models import Academy, Group, Session, User

SLUG = "noor-academy"
PASSWORD = "halaqa-demo"  # noqa: S105 - printed for everybody who starts the demo
DOMAIN = "noor.example"
RUNS_SINCE = timedelta(minutes=1)
LASTS_MINUTES = 45
COMES_IN = timedelta(minutes=12)  # it becomes READY two minutes later

ACADEMY = {
    "slug": SLUG,
    "name": "أكاديمية النور · Noor Academy",
    "timezone": "Asia/Riyadh",
    "locale": "ar",
}
# Role, first and last name by external id; the email address is made of the external id.
PEOPLE: dict[str, tuple[UserRole, str, str]] = {
    "admin": (UserRole.ACADEMY_ADMIN, "نورة", "العتيبي"),
    "supervisor": (UserRole.SUPERVISOR, "Yusuf", "Rahman"),
    "teacher": (UserRole.TEACHER, "أحمد", "المنصوري"),
    "maryam": (UserRole.TEACHER, "Maryam", "Siddiqui"),
    "parent": (UserRole.PARENT, "خالد", "الحربي"),
    "amina": (UserRole.PARENT, "Amina", "Khan"),
    "student": (UserRole.STUDENT, "عمر", "الحربي"),
    "layla": (UserRole.STUDENT, "ليلى", "الحربي"),
    "zayd": (UserRole.STUDENT, "Zayd", "Khan"),
    "sara": (UserRole.STUDENT, "سارة", "علي"),
    "hamza": (UserRole.STUDENT, "Hamza", "Malik"),
    "fatima": (UserRole.STUDENT, "فاطمة", "القحطاني"),
}
GUARDIANS = {"student": ["parent"], "layla": ["parent"], "zayd": ["amina"]}
CIRCLE = "fajr-circle"
MEMBERS = ("student", "layla", "zayd", "sara", "hamza", "fatima")
COMERS = ("teacher", "student", "layla", "zayd", "sara", "hamza", "parent")  # one never comes
SUPER_ADMIN_EMAIL = "super@halaqa.example"


@dataclass(frozen=True, slots=True)
class Demo:
    """The academy and its people. `people` are by external id, the super admin is `super`."""

    academy: Academy
    circle: Group
    people: dict[str, User]

    @property
    def comers(self) -> list[User]:
        """The people who come to the session, the teacher first."""
        return [self.people[name] for name in COMERS]

    @property
    def of_each_role(self) -> list[User]:
        names = ("super", "admin", "supervisor", "teacher", "student", "parent")
        return [self.people[name] for name in names]


async def prepare_academy(now: datetime) -> Demo:
    """Make what is missing. Raises ConflictError if the database has academies of its own."""
    academy = await Academy.get_or_none(slug=SLUG)
    if academy is None and await Academy.exists():  # PASSWORD would be a danger to them
        raise ConflictError("This database has academies of its own: give the demo another one.")
    founder = await User.get_or_none(academy_id=None, email=SUPER_ADMIN_EMAIL)
    if founder is None:
        founder = await create_super_admin(SUPER_ADMIN_EMAIL, PASSWORD, now)
    viewer = founder.as_viewer()
    if academy is None:
        academy = await academy_create.create_academy(viewer, dict(ACADEMY), now)
    people = User.filter(academy_id=academy.id, external_id__in=list(PEOPLE))
    if await people.count() < len(PEOPLE):
        inputs = [
            PersonInput(
                name,
                academy.id,
                role,
                {"first_name": first_name, "last_name": last_name, "email": f"{name}@{DOMAIN}"},
                password=PASSWORD,
                guardian_external_ids=GUARDIANS.get(name),
            )
            for name, (role, first_name, last_name) in PEOPLE.items()
        ]
        await user_upsert.upsert_users(viewer, inputs, now)
    circle = await Group.get_or_none(academy_id=academy.id, external_id=CIRCLE)
    if circle is None:
        entry = GroupEntry(
            external_id=CIRCLE,
            academy_id=academy.id,
            kind=GroupKind.CIRCLE,
            name="حلقة الفجر · Fajr circle",
            teacher_external_id="teacher",
            keeps_teacher=False,
            members=[MemberInput(one, MembershipSource.ENROLMENT, None, None) for one in MEMBERS],
        )
        (circle,) = await group_upsert.upsert_groups(viewer, [entry], now)
    by_name = {str(user.external_id): user for user in await people}
    return Demo(academy, circle, by_name | {"super": founder})


async def running_session(demo: Demo, now: datetime) -> Session:
    """Return the circle's running session, or schedule one that started a minute ago."""
    open_sessions = _open_sessions(demo, now).filter(group_id=demo.circle.id)
    running = await open_sessions.filter(scheduled_at__lte=now).first()
    if running is not None:
        return running
    plan = SessionInput(
        academy_id=demo.academy.id,
        external_id=None,
        kind=SessionKind.QURAN,
        title="سورة الكهف · Surat al-Kahf",
        notes=None,
        teacher_id=demo.people["teacher"].id,
        student_id=None,
        group_id=demo.circle.id,
        # LiveKit tells the end of a meeting in whole seconds: it must not be before the session's.
        scheduled_at=(now - RUNS_SINCE).replace(microsecond=0),
        duration_minutes=LASTS_MINUTES,
        subject=None,
        session_number=None,
    )
    return await schedule_session(demo.people["admin"].as_viewer(), plan, now)


async def coming_session(demo: Demo, now: datetime) -> Session:
    """Return the next individual session, or schedule one that starts in twelve minutes."""
    open_sessions = _open_sessions(demo, now).filter(group_id=None)
    coming = await open_sessions.filter(scheduled_at__gt=now).first()
    if coming is not None:
        return coming
    plan = SessionInput(
        academy_id=demo.academy.id,
        external_id=None,
        kind=SessionKind.ACADEMIC,
        title="English conversation",
        notes=None,
        teacher_id=demo.people["maryam"].id,
        student_id=demo.people["zayd"].id,
        group_id=None,
        scheduled_at=(now + COMES_IN).replace(second=0, microsecond=0),
        duration_minutes=30,
        subject="English",
        session_number=None,
    )
    return await schedule_session(demo.people["admin"].as_viewer(), plan, now)


async def is_open(session: Session, now: datetime) -> bool:
    """Return whether people may still come: its time is not up, and nobody has ended it."""
    return await Session.exists(id=session.id, status__in=OPEN, ends_at__gt=now)


def _open_sessions(demo: Demo, now: datetime) -> QuerySet[Session]:
    sessions = Session.filter(academy_id=demo.academy.id, status__in=OPEN, ends_at__gt=now)
    return sessions.order_by("scheduled_at")

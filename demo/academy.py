"""The demo: an academy with its people, a class that always runs, and a session that is to come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.queryset import QuerySet

from actions.academies import academy_create, group_upsert, user_upsert
from actions.academies.group_upsert import GroupEntry, MemberInput
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
COMES_IN = timedelta(minutes=12)  # two minutes before it becomes READY

ACADEMY = {
    "slug": SLUG,
    "name": "أكاديمية النور · Noor Academy",
    "timezone": "Asia/Riyadh",
    "locale": "ar",
}
# By external id; the emails are made of it too.
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
    """`people` by external id, and `super` for the super admin."""

    academy: Academy
    circle: Group
    people: dict[str, User]

    @property
    def comers(self) -> list[User]:
        """Who comes to the class, the teacher first."""
        return [self.people[name] for name in COMERS]

    @property
    def of_each_role(self) -> list[User]:
        names = ("super", "admin", "supervisor", "teacher", "student", "parent")
        return [self.people[name] for name in names]


async def found(now: datetime) -> Demo:
    """Make what is missing of it. CONFLICT in a database that is somebody's: the demo's people
    have a password that everybody knows."""
    academy = await Academy.get_or_none(slug=SLUG)
    if academy is None and await Academy.exists():
        raise ConflictError("This database has academies of its own: give the demo another one.")
    founder = await _super_admin(now)
    viewer = founder.as_viewer()
    if academy is None:
        academy = await academy_create.create_academy(viewer, dict(ACADEMY), now)
    if await User.filter(academy_id=academy.id, external_id__in=list(PEOPLE)).count() < len(PEOPLE):
        await user_upsert.upsert_users(viewer, [_person(name, academy.id) for name in PEOPLE], now)
    circle = await Group.get_or_none(academy_id=academy.id, external_id=CIRCLE)
    if circle is None:
        (circle,) = await group_upsert.upsert_groups(viewer, [_circle(academy.id)], now)
    members = await User.filter(academy_id=academy.id, external_id__in=list(PEOPLE))
    named = {str(member.external_id): member for member in members}
    return Demo(academy, circle, named | {"super": founder})


async def _super_admin(now: datetime) -> User:
    known = await User.get_or_none(academy_id=None, email=SUPER_ADMIN_EMAIL)
    return known or await user_upsert.create_super_admin(SUPER_ADMIN_EMAIL, PASSWORD, now)


def _person(name: str, academy_id: int) -> PersonInput:
    role, first_name, last_name = PEOPLE[name]
    values = {"first_name": first_name, "last_name": last_name, "email": f"{name}@{DOMAIN}"}
    return PersonInput(
        name,
        academy_id,
        role,
        values,
        password=PASSWORD,
        guardian_external_ids=GUARDIANS.get(name),
    )


def _circle(academy_id: int) -> GroupEntry:
    return GroupEntry(
        external_id=CIRCLE,
        academy_id=academy_id,
        kind=GroupKind.CIRCLE,
        name="حلقة الفجر · Fajr circle",
        teacher_external_id="teacher",
        keeps_teacher=False,
        members=[MemberInput(name, MembershipSource.ENROLMENT, None, None) for name in MEMBERS],
    )


async def class_now(demo: Demo, now: datetime) -> Session:
    """The circle's class that runs; where none does, one that began a minute ago."""
    running = await _open(demo, now).filter(group_id=demo.circle.id, scheduled_at__lte=now).first()
    return running or await schedule_session(
        demo.people["admin"].as_viewer(), _class(demo, now), now
    )


async def session_to_come(demo: Demo, now: datetime) -> Session:
    """The individual session that is next; where none is, one in a quarter of an hour or so."""
    coming = await _open(demo, now).filter(group_id=None, scheduled_at__gt=now).first()
    return coming or await schedule_session(
        demo.people["admin"].as_viewer(), _individual_session(demo, now), now
    )


async def is_open(session: Session, now: datetime) -> bool:
    """Whether people may still come: not over, neither by the time nor by anybody's wish."""
    return await Session.exists(id=session.id, status__in=OPEN, ends_at__gt=now)


def _open(demo: Demo, now: datetime) -> QuerySet[Session]:
    running = Session.filter(academy_id=demo.academy.id, status__in=OPEN, ends_at__gt=now)
    return running.order_by("scheduled_at")


def _class(demo: Demo, now: datetime) -> SessionInput:
    return SessionInput(
        academy_id=demo.academy.id,
        external_id=None,
        kind=SessionKind.QURAN,
        title="سورة الكهف · Surat al-Kahf",
        notes=None,
        teacher_id=demo.people["teacher"].id,
        student_id=None,
        group_id=demo.circle.id,
        # LiveKit tells of its end in whole seconds: that must not be before the end.
        scheduled_at=(now - RUNS_SINCE).replace(microsecond=0),
        duration_minutes=LASTS_MINUTES,
        subject=None,
        session_number=None,
    )


def _individual_session(demo: Demo, now: datetime) -> SessionInput:
    return SessionInput(
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

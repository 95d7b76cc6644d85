"""A socket outlives a right: each new operation asks for it, and a running one hears of its loss.

Two people watch on two real sockets. One loses the right, and their operation ends; the other
goes on."""

import json
from datetime import timedelta

import pytest

import clock
from actions.admittance.participants import add_participant
from actions.sessions.session_cancel import cancel_session
from domain.access import UserRole
from models import Membership, SessionParticipant, User
from models.database import sql
from subscriptions.backstop import Backstop
from tests.conftest import Template
from tests.support import make
from tests.support.app import headers, serving_app
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.watching import ROSTER, ROW, SESSION, SYSTEM, Watcher, watching
from tests.support.withdrawals import (
    School,
    Withdraw,
    bar,
    deactivate,
    demote,
    leave_group,
    lose_guardian,
    move_away,
    replace_members,
    ring,
    school,
    substitute,
)

ROLE = "{ viewer { role } }"


@pytest.fixture(autouse=True)
def only_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the backstop: it runs only where a test is about it."""
    monkeypatch.setattr(Backstop, "start", lambda backstop, stop_listening: None)


async def test_a_deactivated_person_can_start_nothing_on_an_open_socket(
    template: Template,
) -> None:
    async with serving_app(await template.fresh()) as served:
        admin = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
        async with dial(served.url) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": headers(admin)}))
            await heard(socket)
            await User.filter(id=admin.id).update(is_active=False)
            await socket.send(subscribe(ROLE))
            assert await ended(socket) == (4403, "Forbidden")


async def test_a_role_that_changed_counts_from_the_next_operation_on(template: Template) -> None:
    async with serving_app(await template.fresh()) as served:
        person = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
        async with dial(served.url) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": headers(person)}))
            await heard(socket)
            await User.filter(id=person.id).update(role=UserRole.STUDENT)
            await socket.send(subscribe("{ users { nodes { id } } viewer { role } }"))
            data = (await heard(socket))["payload"]["data"]
            assert data["viewer"] == {"role": "STUDENT"}
            assert len(data["users"]["nodes"]) == 1


async def goes_on(at: School, watcher: Watcher, seen: str = "StatusChanged") -> bool:
    """The same socket is sent the next event."""
    await cancel_session(at.admin, at.session_id, None, clock.now())
    while (event := await watcher.next())["__typename"] != seen:
        assert event["__typename"] in ("PresenceChanged", "PresenceRemoved", "SessionUpdated")
    return await watcher.is_connected()


@pytest.mark.parametrize(
    ("withdraw", "who", "other"),
    [
        (bar, "student", "classmate"),
        (bar, "parent", "others_parent"),
        (leave_group, "student", "classmate"),
        (leave_group, "parent", "others_parent"),
        (move_away, "student", "classmate"),
        (lose_guardian, "parent", "student"),
        (substitute, "teacher", "student"),
        (demote, "supervisor", "teacher"),
    ],
)
async def test_the_stream_of_who_lost_the_right_ends_and_nobody_elses(
    template: Template, withdraw: Withdraw, who: str, other: str
) -> None:
    async with school(template) as at:
        async with (
            at.watch(who, session="mine") as theirs,
            at.watch(other, session="mine") as others,
        ):
            await withdraw(at)
            assert await told_until_refused(theirs) == "FORBIDDEN"
            assert await goes_on(at, others)


async def told_until_refused(watcher: Watcher) -> str:
    """A manager may be sent the change itself before the hint arrives."""
    while True:
        frame = await heard(watcher.socket)
        if frame["type"] == "error":
            assert await watcher.is_connected()
            return str(frame["payload"][0]["extensions"]["code"])
        assert frame["type"] == "next", frame


async def test_only_the_deactivated_persons_socket_is_closed(template: Template) -> None:
    async with school(template) as at:
        async with (
            at.watch("student", session="mine") as theirs,
            at.watch("classmate", session="mine") as others,
            at.watch("parent", session="mine") as parents,
        ):
            await deactivate(at)
            assert await theirs.close() == (4403, "Forbidden")
            assert await goes_on(at, others)
            assert (await parents.next())["__typename"] == "StatusChanged"


@pytest.mark.parametrize("who", ["student", "parent"])
async def test_a_membership_ends_by_date(template: Template, who: str) -> None:
    async with school(template) as at:
        soon = clock.now() + timedelta(seconds=1)
        mine = Membership.filter(user_id=at.there["student"].id)
        await mine.update(active_until=soon)
        async with (
            at.watch(who, session="mine") as theirs,
            at.watch("classmate", session="mine") as others,
        ):
            assert await theirs.refusal() == "FORBIDDEN"
            assert clock.now() >= soon
            assert await goes_on(at, others)


async def test_a_membership_that_is_prolonged_ends_later(template: Template) -> None:
    async with school(template) as at:
        mine = Membership.filter(user_id=at.there["student"].id)
        await mine.update(active_until=clock.now() + timedelta(seconds=0.5))
        async with at.watch("student", session="mine") as theirs:
            later = clock.now() + timedelta(seconds=1.5)
            await mine.update(active_until=later)
            assert await theirs.refusal() == "FORBIDDEN"
            assert clock.now() >= later


async def test_a_student_whose_membership_a_person_ends_in_class_loses_row_and_stream(
    template: Template,
) -> None:
    """They were a member at the start; but it did not run out by itself: a person took it away."""
    async with school(template) as at:
        now = clock.now().replace(microsecond=0)
        started_at = now - timedelta(minutes=10)
        there = at.there.rows
        there["running"] = await make.session(
            there["academy"], there["teacher"], group=there["circle"], at=started_at, now=now
        )
        async with (
            at.watch("student", session="running") as theirs,
            at.watch("classmate", session="running") as others,
        ):
            await replace_members(at, ["student", "classmate"], student=now)
            assert await theirs.refusal() == "FORBIDDEN"
            assert await others.is_connected()
        assert not await SessionParticipant.exists(
            session_id=there["running"].id, user_id=there["student"].id
        )


async def test_a_former_managers_stream_ends_and_they_may_subscribe_again_as_a_guest(
    template: Template,
) -> None:
    """The right to the session stays, the right to its roster's events does not."""
    async with school(template) as at:
        await add_participant(at.admin, at.session_id, at.there["teacher"].id, clock.now())
        async with at.watch("teacher", session="mine") as theirs:
            await substitute(at)
            assert await told_until_refused(theirs) == "FORBIDDEN"
            variables = {"session": at.there.id("mine")}
            await theirs.socket.send(subscribe(SESSION, "2", variables=variables))
            assert (await theirs.next())["__typename"] == "SessionSnapshot"


async def test_every_kind_of_stream_ends(template: Template) -> None:
    async with school(template) as at:
        async with (
            at.watch("student", ROW, session="mine", user="student") as own,
            at.watch("parent", ROW, session="mine", user="student") as childs,
            at.watch("teacher", ROW, session="mine", user="student") as managers,
            at.watch("teacher", ROSTER, session="mine") as roster,
            at.watch("classmate", ROW, session="mine", user="classmate") as others,
        ):
            await bar(at)
            assert await own.refusal() == "FORBIDDEN"
            assert await childs.refusal() == "FORBIDDEN"
            assert (await managers.next())["attendance"]["isBarred"] is True
            assert (await roster.next())["__typename"] == "PresenceChanges"
            await substitute(at)
            assert await told_until_refused(roster) == "FORBIDDEN"
            assert await told_until_refused(managers) == "FORBIDDEN"
            assert await others.is_connected()


async def test_the_systems_state_is_told_anew_to_who_may_see_less_of_it(
    template: Template,
) -> None:
    async with school(template) as at:
        async with (
            watching(at.served, at.there["admin"], SYSTEM) as theirs,
            watching(at.served, at.there["supervisor"], SYSTEM) as others,
        ):
            await User.filter(id=at.there["admin"].id).update(role=UserRole.SUPERVISOR)
            await ring(at, "admin")
            assert await told_until_refused(theirs) == "FORBIDDEN"
            assert await others.is_connected()


async def test_the_backstop_ends_a_stream_whose_hint_was_lost(template: Template) -> None:
    async with school(template) as at:
        async with (
            at.watch("student", session="mine") as theirs,
            at.watch("classmate", session="mine") as others,
        ):
            await Membership.filter(user_id=at.there["student"].id).delete()
            count_up = "UPDATE users SET rights_version = rights_version + 1 WHERE id = $1"
            await sql.execute(count_up, at.there["student"].id)
            await at.served.app.process.watchers.close_gaps()
            assert await theirs.refusal() == "FORBIDDEN"
            assert await goes_on(at, others)


async def test_a_hint_about_a_right_that_stays_changes_nothing(template: Template) -> None:
    async with school(template) as at:
        async with at.watch("student", session="mine") as theirs:
            await ring(at, "student")
            assert await goes_on(at, theirs)


async def test_a_new_subscription_is_refused_by_rights_that_changed_unheard(
    template: Template,
) -> None:
    """The socket's person is known from memory: nobody has told us that they lost their role."""
    async with school(template) as at:
        supervisor = at.there["supervisor"]
        async with dial(at.served.url) as socket:
            parameters = headers(supervisor)
            await socket.send(json.dumps({"type": "connection_init", "payload": parameters}))
            assert await heard(socket) == {"type": "connection_ack"}
            changed = {"role": UserRole.STUDENT, "rights_version": supervisor.rights_version + 1}
            await User.filter(id=supervisor.id).update(**changed)
            await socket.send(subscribe(ROSTER, variables={"session": at.there.id("mine")}))
            refused = await heard(socket)
            assert refused["type"] == "error"
            assert refused["payload"][0]["extensions"]["code"] == "NOT_FOUND"

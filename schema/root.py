"""The whole API on one page: three roots, and the schema they make."""

import strawberry

import resolvers.academies
import resolvers.attendance
import resolvers.identity
import resolvers.nodes
import resolvers.people
import resolvers.sessions
import resolvers.system
import resolvers.tokens
import subscriptions.sessions
import subscriptions.system
from resolvers.costs import CostLimit
from resolvers.documents import Limits, document_cache
from resolvers.refusals import ClientSafeSchema
from schema.descriptions import describe
from schema.types.events import EVENT_TYPES, SessionSnapshot
from schema.types.presence import PresenceChanges, PresenceSnapshot
from schema.types.scalars import CONFIG
from schema.types.session_kinds import (
    AcademicSession,
    InteractiveCourseSession,
    QuranSession,
)
from subscriptions.execution import EventExecution


@strawberry.type
class Query:
    viewer = strawberry.field(resolver=resolvers.identity.viewer)
    node = strawberry.field(resolver=resolvers.nodes.node)
    nodes = strawberry.field(resolver=resolvers.nodes.nodes)
    academies = strawberry.field(resolver=resolvers.academies.academies)
    academy = strawberry.field(resolver=resolvers.academies.academy)
    users = strawberry.field(resolver=resolvers.people.users)
    groups = strawberry.field(resolver=resolvers.people.groups)
    session = strawberry.field(resolver=resolvers.sessions.session)
    sessions = strawberry.field(resolver=resolvers.sessions.sessions)
    attendance = strawberry.field(resolver=resolvers.attendance.attendance)
    attendances = strawberry.field(resolver=resolvers.attendance.attendances)
    session_presence = strawberry.field(resolver=resolvers.attendance.session_presence)
    system_status = strawberry.field(resolver=resolvers.system.system_status)


@strawberry.type
class Mutation:
    sign_in = strawberry.field(resolver=resolvers.identity.sign_in)
    create_academy = strawberry.field(resolver=resolvers.academies.create_academy)
    upsert_users = strawberry.field(resolver=resolvers.people.upsert_users)
    upsert_groups = strawberry.field(resolver=resolvers.people.upsert_groups)
    update_video_settings = strawberry.field(resolver=resolvers.academies.update_video_settings)
    update_attendance_policy = strawberry.field(
        resolver=resolvers.academies.update_attendance_policy
    )
    schedule_session = strawberry.field(resolver=resolvers.sessions.schedule_session)
    schedule_sessions = strawberry.field(resolver=resolvers.sessions.schedule_sessions)
    reschedule_session = strawberry.field(resolver=resolvers.sessions.reschedule_session)
    cancel_session = strawberry.field(resolver=resolvers.sessions.cancel_session)
    change_session_status = strawberry.field(resolver=resolvers.sessions.change_session_status)
    create_meeting_token = strawberry.field(resolver=resolvers.tokens.create_meeting_token)


@strawberry.type
class Subscription:
    session_presence = strawberry.subscription(resolver=subscriptions.sessions.session_presence)
    session_events = strawberry.subscription(resolver=subscriptions.sessions.session_events)
    system_status = strawberry.subscription(resolver=subscriptions.system.system_status)


# Reached through an interface only, so Strawberry has to be told of them.
IMPLEMENTATIONS = (
    QuranSession,
    AcademicSession,
    InteractiveCourseSession,
    SessionSnapshot,
    PresenceSnapshot,
    PresenceChanges,
    *EVENT_TYPES,
)


def build_schema(limits: Limits = (CostLimit,)) -> ClientSafeSchema:
    schema = ClientSafeSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=IMPLEMENTATIONS,
        config=CONFIG,
        extensions=[document_cache(limits=limits)],
        execution_context_class=EventExecution,
    )
    describe(schema)
    return schema

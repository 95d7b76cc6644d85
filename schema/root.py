"""The whole API on one page: its three roots."""

import strawberry

import resolvers.academies
import resolvers.attendance
import resolvers.attendance_changes
import resolvers.groups
import resolvers.identity
import resolvers.meetings
import resolvers.nodes
import resolvers.participants
import resolvers.people
import resolvers.session_changes
import resolvers.sessions
import resolvers.statistics
import resolvers.system
import resolvers.tokens
import resolvers.webhooks
import subscriptions.sessions
import subscriptions.system


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
    stuck_sessions = strawberry.field(resolver=resolvers.sessions.stuck_sessions)
    sessions = strawberry.field(resolver=resolvers.sessions.sessions)
    attendance = strawberry.field(resolver=resolvers.attendance.attendance)
    attendances = strawberry.field(resolver=resolvers.attendance.attendances)
    session_presence = strawberry.field(resolver=resolvers.attendance.session_presence)
    webhook_events = strawberry.field(resolver=resolvers.webhooks.webhook_events)
    session_presence_changes = strawberry.field(
        resolver=resolvers.attendance.session_presence_changes
    )
    meeting_statistics = strawberry.field(resolver=resolvers.statistics.meeting_statistics)
    system_status = strawberry.field(resolver=resolvers.system.system_status)


@strawberry.type
class Mutation:
    sign_in = strawberry.field(resolver=resolvers.identity.sign_in)
    refresh_access_token = strawberry.field(resolver=resolvers.identity.refresh_access_token)
    sign_out = strawberry.field(resolver=resolvers.identity.sign_out)
    change_password = strawberry.field(resolver=resolvers.identity.change_password)
    create_access_key = strawberry.field(resolver=resolvers.identity.create_access_key)
    revoke_access_key = strawberry.field(resolver=resolvers.identity.revoke_access_key)
    create_academy = strawberry.field(resolver=resolvers.academies.create_academy)
    upsert_users = strawberry.field(resolver=resolvers.people.upsert_users)
    upsert_groups = strawberry.field(resolver=resolvers.people.upsert_groups)
    add_group_members = strawberry.field(resolver=resolvers.groups.add_group_members)
    remove_group_members = strawberry.field(resolver=resolvers.groups.remove_group_members)
    update_academy = strawberry.field(resolver=resolvers.academies.update_academy)
    update_teacher_meeting_settings = strawberry.field(
        resolver=resolvers.academies.update_teacher_meeting_settings
    )
    create_meeting = strawberry.field(resolver=resolvers.meetings.create_meeting)
    end_meeting = strawberry.field(resolver=resolvers.meetings.end_meeting)
    update_video_settings = strawberry.field(resolver=resolvers.academies.update_video_settings)
    update_attendance_policy = strawberry.field(
        resolver=resolvers.academies.update_attendance_policy
    )
    schedule_session = strawberry.field(resolver=resolvers.session_changes.schedule_session)
    schedule_sessions = strawberry.field(resolver=resolvers.session_changes.schedule_sessions)
    update_session = strawberry.field(resolver=resolvers.session_changes.update_session)
    reschedule_session = strawberry.field(resolver=resolvers.session_changes.reschedule_session)
    cancel_session = strawberry.field(resolver=resolvers.session_changes.cancel_session)
    cancel_sessions = strawberry.field(resolver=resolvers.session_changes.cancel_sessions)
    cancel_day = strawberry.field(resolver=resolvers.session_changes.cancel_day)
    keep_session_open = strawberry.field(resolver=resolvers.session_changes.keep_session_open)
    release_session = strawberry.field(resolver=resolvers.session_changes.release_session)
    change_session_status = strawberry.field(
        resolver=resolvers.session_changes.change_session_status
    )
    add_participant = strawberry.field(resolver=resolvers.participants.add_participant)
    unbar_participant = strawberry.field(resolver=resolvers.participants.unbar_participant)
    create_meeting_token = strawberry.field(resolver=resolvers.tokens.create_meeting_token)
    report_join = strawberry.field(resolver=resolvers.attendance_changes.report_join)
    report_leave = strawberry.field(resolver=resolvers.attendance_changes.report_leave)
    override_attendance = strawberry.field(
        resolver=resolvers.attendance_changes.override_attendance
    )
    withdraw_attendance_override = strawberry.field(
        resolver=resolvers.attendance_changes.withdraw_attendance_override
    )
    override_attendances = strawberry.field(
        resolver=resolvers.attendance_changes.override_attendances
    )
    recalculate_attendance = strawberry.field(
        resolver=resolvers.attendance_changes.recalculate_attendance
    )


@strawberry.type
class Subscription:
    session_presence = strawberry.subscription(resolver=subscriptions.sessions.session_presence)
    session_events = strawberry.subscription(resolver=subscriptions.sessions.session_events)
    attendance = strawberry.subscription(resolver=subscriptions.sessions.attendance)
    system_status = strawberry.subscription(resolver=subscriptions.system.system_status)

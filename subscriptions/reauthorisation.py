"""Authorising all operations of one person again at once, asking the same question once.

Somebody may have a thousand operations, and all are held back until they are answered.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace
from datetime import datetime

from domain.access import Viewer
from domain.errors import DomainError, UnauthenticatedError
from subscriptions.right import Authorise, Footing, Right
from subscriptions.session_access import SessionAccess, authorise_all

Answer = Footing | DomainError | UnauthenticatedError


async def reauthorise(rights: Iterable[Right], now: datetime) -> None:
    """Accept or refuse each right as it is now. An error leaves all of them in doubt."""
    # Counted first: a doubt that comes while we ask is not settled by this answer.
    doubts = {right: right.doubts for right in rights}
    told: dict[Hashable, Viewer | UnauthenticatedError] = {}  # by question
    viewers: dict[Right, Viewer | UnauthenticatedError] = {}
    asked: dict[Viewer, set[Authorise]] = defaultdict(set)
    for right in doubts:
        question = right.context.viewer_source
        if question not in told:
            try:
                told[question] = await right.context.refresh_viewer()
            except UnauthenticatedError as error:
                told[question] = error
        viewers[right] = viewer = told[question]
        if isinstance(viewer, Viewer):
            right.context.set_viewer(viewer)
            asked[_without_token(viewer)].add(right.authorise)
    answers = {viewer: await _authorise(viewer, asked[viewer], now) for viewer in asked}
    for right, viewer in viewers.items():
        answer: Answer | UnauthenticatedError = (
            answers[_without_token(viewer)][right.authorise]
            if isinstance(viewer, Viewer)
            else viewer
        )
        if isinstance(answer, Footing):
            right.accept(answer, now, doubts[right])
        else:
            right.refuse(answer)


def _without_token(viewer: Viewer) -> Viewer:
    """Drop the token from a viewer: with each of their tokens they may watch the same."""
    return replace(viewer, expires_at=None, family=None)


async def _authorise(
    viewer: Viewer, asked: set[Authorise], now: datetime
) -> dict[Authorise, Answer]:
    together = [one for one in asked if isinstance(one, SessionAccess)]
    answers: dict[Authorise, Answer] = {}
    for one, answer in (await authorise_all(viewer, together, now)).items():
        answers[one] = answer
    for authorise in asked.difference(together):
        try:
            answers[authorise] = await authorise(viewer, now)
        except (DomainError, UnauthenticatedError) as refusal:
            answers[authorise] = refusal
    return answers

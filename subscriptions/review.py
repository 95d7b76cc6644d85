"""Asking again for all operations of one person at once, the same question once.

Somebody may have a thousand of them, and all are held back until they are answered.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from domain.access import Viewer
from domain.errors import DomainError, UnauthenticatedError
from subscriptions.admission import Admission, admit_all
from subscriptions.right import Admit, Footing, Right

Who = Viewer | UnauthenticatedError
Answer = Footing | DomainError | UnauthenticatedError


async def review(rights: Iterable[Right], now: datetime) -> None:
    """May they still, and as the same? What fails here leaves all of them in doubt."""
    # Counted first: who is in doubt again while we ask is not answered by it.
    doubts = {right: right.doubts for right in rights}
    people = await _who_they_are(list(doubts))
    answers = await _what_they_may(people, now)
    for right, who in people.items():
        answer = answers[_bare(who), right.admit] if isinstance(who, Viewer) else who
        if isinstance(answer, Footing):
            right.accept(answer, now, doubts[right])
        else:
            right.refuse(answer)


async def _who_they_are(rights: Iterable[Right]) -> dict[Right, Who]:
    told: dict[Hashable, Who] = {}
    found: dict[Right, Who] = {}
    for right in rights:
        question = right.context.viewer_source
        if question not in told:
            told[question] = await _who(right)
        found[right] = who = told[question]
        if isinstance(who, Viewer):
            right.context.set_viewer(who)
    return found


async def _who(right: Right) -> Who:
    try:
        return await right.context.refresh_viewer()
    except UnauthenticatedError as error:
        return error


async def _what_they_may(
    people: Mapping[Right, Who], now: datetime
) -> dict[tuple[Viewer, Admit], Answer]:
    asked: dict[Viewer, set[Admit]] = defaultdict(set)
    for right, who in people.items():
        if isinstance(who, Viewer):
            asked[_bare(who)].add(right.admit)
    return {
        (viewer, admit): answer
        for viewer, admits in asked.items()
        for admit, answer in (await _answers(viewer, admits, now)).items()
    }


def _bare(viewer: Viewer) -> Viewer:
    """Whatever token speaks for them, and until when: they may the same."""
    return replace(viewer, expires_at=None, family=None)


async def _answers(viewer: Viewer, admits: set[Admit], now: datetime) -> dict[Admit, Answer]:
    together = [admit for admit in admits if isinstance(admit, Admission)]
    told = await admit_all(viewer, together, now)
    answers: dict[Admit, Answer] = {admit: told[admit] for admit in together}
    for admit in admits.difference(together):
        answers[admit] = await _alone(admit, viewer, now)
    return answers


async def _alone(admit: Admit, viewer: Viewer, now: datetime) -> Answer:
    try:
        return await admit(viewer, now)
    except (DomainError, UnauthenticatedError) as refusal:
        return refusal

"""Meeting tokens: each lets one person into one room and says what they may do there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import jwt
from anyascii import anyascii

from domain.rooms import participant_identity

GRANT = "grant"  # the participant's attribute that carries the grant into the room
# anyascii drops these vowels: with this map أمير ماهر becomes Amyr_Mahr, without it myr_mhr.
_ARABIC_VOWELS = str.maketrans("اأإآٱعةى", "aaiaaaaa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The permissions of a person in the room; by default they have none."""

    can_publish: bool = False
    can_subscribe: bool = False
    can_publish_data: bool = False
    can_share_screen: bool = False
    room_admin: bool = False

    @property
    def sources(self) -> Sequence[str]:
        """The tracks that LiveKit accepts from them, in its words."""
        if not self.can_publish:
            return ()
        camera = ("camera", "microphone")
        return (*camera, "screen_share", "screen_share_audio") if self.can_share_screen else camera

    def is_within(self, other: "Grant") -> bool:
        """Tell whether `other` allows everything that this grant allows."""
        return all(getattr(other, name) for name in self._given)

    @property
    def attributes(self) -> dict[str, str]:
        """The grant as an attribute: LiveKit does not list the admins of a room itself."""
        return {GRANT: " ".join(self._given)}

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Self:
        """Read the grant of a participant; without the attribute it allows nothing."""
        words = attributes.get(GRANT, "").split()
        return cls(**{field.name: field.name in words for field in fields(cls)})

    @property
    def _given(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """One person's entry to one room. Everybody in the room can read `metadata`, a JSON object."""

    room_name: str
    identity: str
    name: str
    metadata: str
    grant: Grant


def identity_of(user_number: int, first_name: str, last_name: str) -> str:
    """Return the identity, as `1_Sara_Ali`; other alphabets become Latin letters."""
    return participant_identity(user_number, _latin(first_name), _latin(last_name))


def _latin(name: str) -> str:
    if name.isascii():
        return name
    latin = anyascii(name.strip().translate(_ARABIC_VOWELS))
    return latin[:1].upper() + latin[1:]


def mint(
    key: str, secret: str, admission: Admission, *, now: datetime, expires_at: datetime
) -> str:
    """Return a signed token, valid from `now` to `expires_at` (whole seconds, cut off)."""
    grant = admission.grant
    # Every permission is said: LiveKit's default for one that is missing is often "yes".
    video: dict[str, object] = {
        "room": admission.room_name,
        "roomJoin": True,
        "roomCreate": False,
        "roomAdmin": grant.room_admin,
        "canPublish": grant.can_publish,
        "canSubscribe": grant.can_subscribe,
        "canPublishData": grant.can_publish_data,
        "canUpdateOwnMetadata": False,
        "hidden": False,
    }
    if grant.sources:  # an empty list would mean all sources
        video["canPublishSources"] = list(grant.sources)
    claims = {
        "iss": key,
        "sub": admission.identity,
        "nbf": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "name": admission.name,
        "metadata": admission.metadata,
        "attributes": grant.attributes,
        "video": video,
    }
    return jwt.encode(claims, secret, algorithm="HS256")

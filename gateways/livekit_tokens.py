"""The token that lets one person into one room, and what they may do there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import jwt
from anyascii import anyascii

from domain.rooms import participant_identity

GRANT = "grant"  # the attribute that says in the room what the token granted
# Vowels that anyascii drops: with them أمير ماهر is Amyr_Mahr, without them myr_mhr.
_ARABIC_VOWELS = str.maketrans("اأإآٱعةى", "aaiaaaaa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a person may do in the room. Nothing unless it is said."""

    can_publish: bool = False
    can_subscribe: bool = False
    can_publish_data: bool = False
    can_share_screen: bool = False
    room_admin: bool = False

    @property
    def sources(self) -> Sequence[str]:
        """The tracks LiveKit accepts from them, in its words."""
        if not self.can_publish:
            return ()
        camera = ("camera", "microphone")
        return (*camera, "screen_share", "screen_share_audio") if self.can_share_screen else camera

    def is_within(self, other: "Grant") -> bool:
        """Whether `other` allows all of it."""
        return all(getattr(other, name) for name in self._given)

    @property
    def attributes(self) -> dict[str, str]:
        """It stays with who is in the room: LiveKit itself does not say who administers one."""
        return {GRANT: " ".join(self._given)}

    @classmethod
    def told(cls, attributes: Mapping[str, str]) -> Self:
        """Of somebody in a room; nothing where their token did not say."""
        words = attributes.get(GRANT, "").split()
        return cls(**{field.name: field.name in words for field in fields(cls)})

    @property
    def _given(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who enters which room. `metadata` is a JSON object everybody in the room can read."""

    room_name: str
    identity: str
    name: str
    metadata: str
    grant: Grant


def identity_of(user_number: int, first_name: str, last_name: str) -> str:
    """`1_Ameer_Maher`; names in other alphabets are written in Latin letters."""
    return participant_identity(user_number, _latin(first_name), _latin(last_name))


def _latin(name: str) -> str:
    if name.isascii():
        return name
    latin = anyascii(name.strip().translate(_ARABIC_VOWELS))
    return latin[:1].upper() + latin[1:]


def mint(
    key: str, secret: str, admission: Admission, *, now: datetime, expires_at: datetime
) -> str:
    """A signed access token, good from `now` to `expires_at` (whole seconds, cut off)."""
    claims = {
        "iss": key,
        "sub": admission.identity,
        "nbf": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "name": admission.name,
        "metadata": admission.metadata,
        "attributes": admission.grant.attributes,
        "video": _video(admission.room_name, admission.grant),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def _video(room_name: str, grant: Grant) -> dict[str, object]:
    # Whatever is left out is LiveKit's default, and that is often "yes".
    granted: dict[str, object] = {
        "room": room_name,
        "roomJoin": True,
        "roomCreate": False,
        "roomAdmin": grant.room_admin,
        "canPublish": grant.can_publish,
        "canSubscribe": grant.can_subscribe,
        "canPublishData": grant.can_publish_data,
        "canUpdateOwnMetadata": False,
        "hidden": False,
    }
    # An empty list of sources means all of them.
    return granted | ({"canPublishSources": list(grant.sources)} if grant.sources else {})

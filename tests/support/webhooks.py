"""Sign a webhook as livekit-server does before it sends it."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import jwt

KEY = "devkey"
SECRET = "tGq7xWc2Rk9LmZ4vBn8sHd3JfYp6Ua1e"


def sign(body: bytes, key: str = KEY, secret: str = SECRET, *, now: datetime) -> str:
    """The Authorization header of this body: a bare JWT that expires after five minutes."""
    claims = {
        "iss": key,
        "sub": "",
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()

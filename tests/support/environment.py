"""The settings without a default, for every test: conftest imports it before any use."""

import os

from tests.support.webhooks import KEY, SECRET

DEFAULTS = {
    "HALAQA_JWT_SECRET": "a-secret-of-tests-that-is-long-enough",
    "HALAQA_LIVEKIT_URL": "ws://127.0.0.1:7880",
    "HALAQA_LIVEKIT_API_URL": "http://127.0.0.1:7880",
    "HALAQA_LIVEKIT_API_KEY": KEY,
    "HALAQA_LIVEKIT_API_SECRET": SECRET,
}

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)

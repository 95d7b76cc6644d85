#!/usr/bin/env bash
# livekit-api 1.2.2 (livekit-protocol 1.1.29, protobuf 7.36.2): WebhookReceiver reads a word of an
# enum that it does not know as the enum's default, and says nothing.
#
# Guess: an unknown word is an error, or stays readable in some form.
# Seen: a participant whose `kind` is a word of a later server is STANDARD, that is a person; a
# `disconnectReason` of a later server is UNKNOWN_REASON. An unknown *number* is kept. So a program
# that counts people by `kind` counts each new kind of machine as one, until the package is newer
# than the server.
# Meets us: gateways/livekit_webhooks.py reads the JSON itself and keeps the word.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    livekit-api==1.2.2 livekit-protocol==1.1.29 protobuf==7.36.2
venv/bin/python - <<'PYTHON' | tee seen
import base64, hashlib, json
from livekit import api
from livekit.protocol import models

KEY, SECRET = "key", "a secret of thirty-two characters"

def receive(**participant):
    body = json.dumps({"id": "EV_1", "event": "participant_left", "participant": participant})
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    token = api.AccessToken(KEY, SECRET).with_sha256(digest).to_jwt()
    receiver = api.WebhookReceiver(api.TokenVerifier(KEY, SECRET))
    return receiver.receive(body, token).participant

print("kind AGENT reads as", receive(kind="AGENT").kind)
print("kind of a later server, a word, reads as", receive(kind="LATER_KIND").kind)
print("kind of a later server, a number, reads as", receive(kind=99).kind)
print("reason of a later server reads as", receive(disconnectReason="LATER_REASON").disconnect_reason)
print("STANDARD is", models.ParticipantInfo.Kind.Value("STANDARD"))
PYTHON
diff seen - <<'SEEN'
kind AGENT reads as 4
kind of a later server, a word, reads as 0
kind of a later server, a number, reads as 99
reason of a later server reads as 0
STANDARD is 0
SEEN
echo "as described"

"""LiveKit's webhooks, in any order and any number."""

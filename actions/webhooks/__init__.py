"""Records LiveKit's webhooks."""

"""Takes what LiveKit tells."""

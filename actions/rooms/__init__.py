"""Makes and ends meetings and their rooms at LiveKit, and hands out tokens."""

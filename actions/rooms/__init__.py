"""Makes and ends meetings and their rooms at LiveKit, and issues meeting tokens."""

"""Makes and ends meetings and their rooms; the gate before them."""

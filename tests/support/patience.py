"""How long a test waits for what must come. Only a failure takes that long."""

PATIENCE_S = 30.0

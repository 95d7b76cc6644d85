"""Operating: commands, doctor, demo, logs, metrics and migrations."""

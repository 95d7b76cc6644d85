"""Runs it: commands, doctor, demo, logs, metrics, migrations."""

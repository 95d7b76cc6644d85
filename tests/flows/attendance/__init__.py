"""Attendance: the fold, reports, the reconciler, overrides and the final result."""

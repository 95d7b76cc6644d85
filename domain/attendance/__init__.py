"""Folds a log into attendance."""

"""Academies, their people, groups and settings."""

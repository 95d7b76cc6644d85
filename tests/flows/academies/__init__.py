"""Keeps academies, their people, groups and settings."""

"""Folds, reports, looks, overrides: how attendance comes about and stays true."""

"""Sessions: scheduled, changed, cancelled and kept open."""

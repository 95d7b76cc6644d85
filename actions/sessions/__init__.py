"""Plans sessions and changes the plan."""

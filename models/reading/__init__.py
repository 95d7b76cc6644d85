"""Reading: each file answers one question from the tables, in few statements."""

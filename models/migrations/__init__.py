"""The schema's history: one numbered file per change. Files that begin with _ are tools."""

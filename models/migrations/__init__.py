"""The schema's history, one numbered file a change. Files that begin with _ are the machinery."""

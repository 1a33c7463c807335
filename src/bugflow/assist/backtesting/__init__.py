"""What BugFlow would have done on a project's own past: fields and duplicates, told and kept."""

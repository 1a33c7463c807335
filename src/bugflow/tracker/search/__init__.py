"""Finding issues: a small query language, full text, saved searches."""

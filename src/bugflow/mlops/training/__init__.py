"""Training models on labelled reports, and keeping what comes of it."""

"""Labelled reports made ready to learn from: read, cleaned, labelled, divided, written."""

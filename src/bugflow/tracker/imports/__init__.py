"""Bringing issues in from other trackers, and out again."""

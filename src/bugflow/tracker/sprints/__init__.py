"""Sprints: planned, started, completed, with who was in when."""

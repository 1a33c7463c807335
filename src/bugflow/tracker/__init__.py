"""The bug tracker, complete without any model."""

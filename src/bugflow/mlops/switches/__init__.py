"""Switching a feature off for a project or for all, at once and in every process."""

"""Severity, team, component and priority of a report."""

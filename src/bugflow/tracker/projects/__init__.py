"""Projects, their members, teams, components and severities."""

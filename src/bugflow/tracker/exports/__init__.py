"""Taking issues out again: CSV for spreadsheets, JSON lines and JSON for programs."""

"""BugFlow: a self-hosted bug tracker that triages, de-duplicates, summarises and plans."""

__version__ = "0.1.0"

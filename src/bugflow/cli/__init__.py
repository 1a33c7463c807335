"""The command line: one file per group of commands."""

from bugflow.cli.main import main

__all__ = ["main"]

"""The command line as a shell calls it."""

import sys

import pytest
import structlog

from bugflow.cli.context import report_errors
from bugflow.cli.main import app


def run_command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command and return its exit code."""
    monkeypatch.setattr("sys.argv", ["bugflow", *arguments])
    try:
        with pytest.raises(SystemExit) as ended:
            sys.exit(report_errors(app))
    finally:
        structlog.reset_defaults()
    return int(ended.value.code or 0)

"""No room for what an import reads: a clear answer, nothing imported, nothing left behind, and a second try."""

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import func, select

from bugflow.core.database import Database
from bugflow.tracker.issues.tables import Issue
from factories.exports import jira_issue, jira_search

MOST_BYTES = 4_000_000
CONSTRAINED = f"""
import resource
from bugflow.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({MOST_BYTES}, {MOST_BYTES}))
main()
"""
"""Where no file may grow beyond so many bytes, writing fails as it does on a full disk."""


def test_an_import_without_room_says_so_imports_nothing_and_leaves_nothing_behind(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    export, temporary = tmp_path / "export.json", tmp_path / "tmp"
    code = "x" * 100_000
    export.write_bytes(
        jira_search(*(jira_issue(f"ROC-{n}", description=f"{{code}}{code}{{code}}") for n in range(300)))
    )
    temporary.mkdir()
    environment = os.environ | {"BUGFLOW_DATABASE_URL": database_url, "BUGFLOW_HOME": str(tmp_path / "home")}
    environment |= {"SQLITE_TMPDIR": str(temporary)}
    arguments = ["import", "jira", str(export), "--json"]
    refused = subprocess.run(  # noqa: S603 -- Our own command.
        [sys.executable, "-c", CONSTRAINED, *arguments], env=environment, check=False, capture_output=True, text=True
    )
    assert refused.returncode == 6
    assert "The import has no room for what it reads" in refused.stderr
    assert "SQLITE_TMPDIR" in refused.stderr
    assert list(temporary.iterdir()) == []
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(Issue)) == 0
    done = subprocess.run(  # noqa: S603 -- Our own command.
        [sys.executable, "-m", "bugflow", *arguments], env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["new_issues"] == 300

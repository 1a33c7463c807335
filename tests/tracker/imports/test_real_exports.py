"""Real exports, which lie beside the project and not in it: where the folder is missing, nothing is tested."""

from pathlib import Path

import pytest

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.running import run_import

EXPORTS = Path(__file__).parents[4] / "shared" / "data" / "exports"


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="the real exports are not beside this checkout")
@pytest.mark.parametrize(  # One of the 350 records from Jira is no issue.
    ("source", "names", "issues"),
    [
        ("jira", ["jira_titanium_search.json"], 349),
        ("github", ["github_rust_comments.json", "github_rust_issues.json"], None),
        ("bugzilla", ["bugzilla_rest_bugs.json"], 38),
    ],
)
def test_a_real_export_is_imported_as_planned_and_the_second_run_changes_nothing(
    database: Database, source: str, names: list[str], issues: int | None
) -> None:
    files = [(EXPORTS / name).read_bytes() for name in names]
    planned, done, again = (
        run_import(database, source, files, project_key=None, dry_run=dry_run, actor=build_system_actor("import"))
        for dry_run in (True, False, False)
    )
    assert done.new_issues == (issues or planned.new_issues) > 0
    assert (planned.new_issues, planned.new_comments, planned.new_history, planned.new_users) == (
        *(done.new_issues, done.new_comments, done.new_history, done.new_users),
    )
    assert (again.new_issues, again.new_comments, again.new_history, again.new_users) == (0, 0, 0, 0)
    assert (again.new_relations, again.changed_issues, again.kept_local) == (0, 0, 0)
    assert again.unchanged_issues == done.new_issues

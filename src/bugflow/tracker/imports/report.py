"""What an import did, or on a dry run would do."""

from dataclasses import dataclass, field, fields
from typing import Any

from bugflow.tracker.imports.records import NotCarried

MOST_PEOPLE = 200


@dataclass
class ImportReport:
    """Counts of what was made, what was there already, and what was left behind."""

    source: str
    dry_run: bool
    new_projects: list[str] = field(default_factory=list)
    new_issues: int = 0
    changed_issues: int = 0
    unchanged_issues: int = 0
    kept_local: int = 0
    new_comments: int = 0
    new_history: int = 0
    new_users: int = 0
    new_relations: int = 0
    turned_duplicates: int = 0
    """Duplicates among the new relations that lead the other way than the source said: back to the older issue."""
    without_account: list[str] = field(default_factory=list)
    """The first of the people who became users that cannot sign in."""
    left: NotCarried = field(default_factory=NotCarried)

    def add_placeholder(self, login: str) -> None:
        """Count a person without an account here."""
        self.new_users += 1
        if len(self.without_account) < MOST_PEOPLE:
            self.without_account.append(login)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "left"}
        plain["not_carried"] = [
            {"what": what, "count": count, "examples": self.left.examples.get(what, [])}
            for what, count in self.left.counts.most_common()
        ]
        return plain

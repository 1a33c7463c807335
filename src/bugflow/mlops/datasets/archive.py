"""Reports out of dumps of the GitHub archive: hourly files with a JSON event in each line.

Source: GH Archive, gharchive.org; the events are those of GitHub's REST API, "GitHub event types".
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.rows import Account, Batch, Record, gather_batches, hide_person
from bugflow.tracker.imports.errors import NoRoomForImportError
from bugflow.tracker.imports.parsing import iterate_records, list_of, mapping, parse_moment, text_of
from bugflow.tracker.imports.spool import Spool, open_spool
from bugflow.tracker.imports.vocabulary import read_label

_TABLES = (
    "CREATE TABLE opened (id INTEGER PRIMARY KEY, number INTEGER UNIQUE, body TEXT)",
    "CREATE TABLE labels (number INTEGER PRIMARY KEY, at TEXT, names TEXT)",
)
_KEEP_OPENED = "INSERT OR IGNORE INTO opened (number, body) VALUES (?, ?)"
_KEEP_LABELS = (
    "INSERT INTO labels VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET at = excluded.at, names = excluded.names "
    "WHERE excluded.at >= at"
)
_JOINED = "SELECT body, names FROM opened LEFT JOIN labels USING (number) ORDER BY opened.id"
_BOT = re.compile(r"\[bot\]$|(?:^|[-_])(?:ro)?bot$", re.IGNORECASE)
LARGEST_NUMBER = 2**63 - 1


def read_archives(
    lines: Iterable[str], account: Account, *, tell_done: Callable[[], float] = lambda: 0.0
) -> Iterator[Batch]:
    """Yield the issues that were opened in these events, as filed, with the labels of the latest event of each.

    Pull requests and what bots opened are left out and counted. Until all lines are read, the issues are in a temporary
    database, since labels come after them.

    Raises:
        SourceError: There is no room for them.
    """
    try:
        with open_spool(_TABLES) as spool:
            for line in lines:
                _keep(line, spool, account)
            records = (_read_issue(body, names) for body, names in spool.rows(_JOINED))
            yield from gather_batches(records, tell_done)
    except NoRoomForImportError as error:
        problem = f"there is no room for what was read ({error.__cause__}). Make room in the folder of temporary files."
        raise SourceError("The GitHub archive", problem) from error


def _keep(line: str, spool: Spool, account: Account) -> None:
    # Most events are of other kinds, and cheaper to look at than to parse.
    if '"issue"' not in line:
        return
    try:
        event = mapping(json.loads(line))
    except (ValueError, RecursionError):
        account.unread["lines that are no JSON"] += 1
        return
    payload = mapping(event.get("payload"))
    issue, number = mapping(payload.get("issue")), mapping(payload.get("issue")).get("id")
    opens = event.get("type") == "IssuesEvent" and payload.get("action") == "opened"
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= LARGEST_NUMBER:
        account.unread["opened, but without their text"] += opens
        return
    if "pull_request" in issue:
        account.unread["pull requests"] += opens
        return
    if isinstance(issue.get("labels"), list):
        labels = [text_of(each.get("name")) for each in iterate_records(issue["labels"])]
        spool.run(_KEEP_LABELS, number, text_of(event.get("created_at")), json.dumps(labels))
    if opens:
        if _is_by_bot(event, issue):
            account.unread["opened by bots"] += 1
        else:
            spool.run(_KEEP_OPENED, number, json.dumps(_shorten(event, issue)))


def _is_by_bot(event: dict[str, Any], issue: dict[str, Any]) -> bool:
    user = mapping(issue.get("user"))
    logins = (text_of(user.get("login")), text_of(mapping(event.get("actor")).get("login")))
    return user.get("type") == "Bot" or any(map(_BOT.search, logins))


def _shorten(event: dict[str, Any], issue: dict[str, Any]) -> Record:
    """Return what is read of an issue: most of its text is addresses."""
    repository = text_of(mapping(event.get("repo")).get("name"))
    return {
        "issue_id": f"{repository}#{text_of(issue.get('number'))}",
        "project": repository,
        "title": text_of(issue.get("title")),
        "description": text_of(issue.get("body")),
        "reporter": hide_person(text_of(mapping(issue.get("user")).get("login"))),
        "created_at": text_of(issue.get("created_at") or event.get("created_at")),
    }


def _read_issue(body: str, names: str | None) -> Record:
    labels = [each for each in list_of(json.loads(names or "[]")) if isinstance(each, str)]
    record: dict[str, Any] = json.loads(body)
    return record | dict(filter(None, map(read_label, labels))) | {"created_at": parse_moment(record["created_at"])}

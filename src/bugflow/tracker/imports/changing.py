"""Taking over what changed at the source since an earlier import, as far as nobody changed it here."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bugflow.tracker.imports.fields import change_row, comment_row, issue_fields, issue_labels
from bugflow.tracker.imports.places import CLOSED_PROJECT, Places
from bugflow.tracker.imports.records import ImportedIssue
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.tables import Comment, Issue, IssueChange, IssueLabel
from bugflow.tracker.issues.text_index import index_issues
from bugflow.tracker.projects.tables import Project


def write_changed(
    session: Session, record: ImportedIssue, known: ImportedRecord, places: Places, report: ImportReport
) -> bool:
    """Bring an issue up to date; one that was changed here keeps its fields and labels.

    Returns:
        Whether the change is dealt with; if not, a later run looks at it again.
    """
    issue = session.get(Issue, known.target_id)
    if issue is None:
        report.left.add("changes of issues that were deleted here", record.key)
        return True
    if not places.may_change(issue):
        report.left.add(CLOSED_PROJECT, record.key)
        return False
    new_comments = _write_comments(session, issue, record, places)
    values = {"comment_count": Issue.comment_count + new_comments}
    report.new_comments += new_comments
    report.new_history += _add_history(session, issue, record, places)
    if issue.version == 1:
        project = session.get_one(Project, issue.project_id)
        values |= issue_fields(record, project, places, report)
        session.execute(delete(IssueLabel).where(IssueLabel.issue_id == issue.id))
        session.add_all(IssueLabel(issue_id=issue.id, label=label) for label in issue_labels(record))
        report.changed_issues += 1
    else:
        report.kept_local += 1
        report.left.add("changes of issues that were changed here too (ours are kept)", issue.key)
    session.execute(update(Issue).where(Issue.id == issue.id).values(**values))
    index_issues(session, [issue.id])
    return True


def _write_comments(session: Session, issue: Issue, record: ImportedIssue, places: Places) -> int:
    """Add the comments that are not here and take over later texts; return how many are new.

    A comment is known by its author and moment, and where several share these by its text. One that was deleted or
    edited here stays so.
    """
    present: dict[tuple[int, datetime], list[Comment]] = defaultdict(list)
    for each in session.scalars(select(Comment).where(Comment.issue_id == issue.id).order_by(Comment.id)):
        present[each.author_id, each.created_at].append(each)
    missing = []
    for comment in record.comments:
        known = present[places.users[comment.author.login], comment.created_at]
        same = next((each for each in known if each.body == comment.body), None)
        if same is not None:
            known.remove(same)
        else:
            missing.append(comment)
    new = 0
    for comment in missing:
        author = places.users[comment.author.login]
        known = present[author, comment.created_at]
        if known:
            earlier = known.pop(0)
            if earlier.deleted_at is None and earlier.updated_at < comment.updated_at:
                earlier.body, earlier.updated_at = comment.body, comment.updated_at
            continue
        session.add(Comment(**comment_row(issue.id, comment, places)))
        new += 1
    return new


def _add_history(session: Session, issue: Issue, record: ImportedIssue, places: Places) -> int:
    present = {
        (each.at, each.field, each.old, each.new)
        for each in session.scalars(select(IssueChange).where(IssueChange.issue_id == issue.id))
    }
    missing = [change for change in record.changes if (change.at, change.field, change.old, change.new) not in present]
    session.add_all(IssueChange(**change_row(issue.id, change, places)) for change in missing)
    return len(missing)

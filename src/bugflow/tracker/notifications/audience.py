"""Who should know of something, and why."""

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.clusters import list_duplicate_ids
from bugflow.tracker.issues.queries import visible_to
from bugflow.tracker.issues.tables import Issue, Watcher
from bugflow.tracker.projects.queries import visible_to as project_visible_to
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.tables import Sprint

_MENTION = re.compile(r"(?<![\w@./])@([A-Za-z0-9._%+-]+(?:@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})?)")
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
MOST_MENTIONS = 50


def find_mentioned(session: Session, text: str) -> list[int]:
    """Return the active users whom a text mentions, outside code.

    `@name@example.com` is one's e-mail address, `@name` its first part where one user alone has it.
    """
    named = dict.fromkeys(each.lower().rstrip(".") for each in _MENTION.findall(_CODE.sub(" ", text)))
    found: dict[int, None] = {}
    for name in list(named)[:MOST_MENTIONS]:
        address = User.email == name if "@" in name else User.email.startswith(f"{name}@", autoescape=True)
        users = session.scalars(select(User.id).where(address, User.is_active).limit(2)).all()
        if len(users) == 1:
            found[users[0]] = None
    return list(found)


def list_watcher_ids(session: Session, issue: Issue) -> list[int]:
    """Return the active users who follow an issue or one that was merged into it, each once."""
    followed = {issue.id, *list_duplicate_ids(session, issue.id)}
    return list(
        session.scalars(
            select(Watcher.user_id)
            .join(User, User.id == Watcher.user_id)
            .where(Watcher.issue_id.in_(followed), User.is_active)
            .distinct()
        )
    )


def keep_those_who_see(session: Session, subject: Issue | Sprint | None, user_ids: Iterable[int]) -> set[int]:
    """Return those of the users who are active and may see it: nobody learns of what they may not see.

    Without a subject it is about models, which those see who may choose them.
    """
    users = session.scalars(select(User).where(User.id.in_(set(user_ids)), User.is_active))
    return {user.id for user in users if _sees(session, subject, user)}


def _sees(session: Session, subject: Issue | Sprint | None, user: User) -> bool:
    actor = build_actor(user, origin="job")
    if subject is None:
        return actor.may(Permission.MANAGE_MODELS)
    if isinstance(subject, Issue):
        seen = select(Issue.id).where(Issue.id == subject.id, visible_to(actor))
    else:
        seen = select(Project.id).where(Project.id == subject.project_id, project_visible_to(actor))
    return session.scalar(seen) is not None

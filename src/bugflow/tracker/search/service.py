"""Keeping searches."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.errors import NameTakenError
from bugflow.tracker.projects.queries import KEPT_STATEMENTS, visible_to
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.search.errors import SavedSearchNotFoundError
from bugflow.tracker.search.language import parse_query
from bugflow.tracker.search.tables import SavedSearch


def save_search(
    session: Session, *, name: str, query: str, project: Project | None, owner_id: int, now: datetime
) -> SavedSearch:
    """Keep a query under a name of the owner's own.

    Raises:
        QuerySyntaxError: The query cannot be understood.
        NameTakenError: The owner has a search of this name.
    """
    parse_query(query)
    taken = select(SavedSearch.id).where(SavedSearch.owner_id == owner_id, SavedSearch.name == name)
    if session.scalar(taken) is not None:
        raise NameTakenError("saved search", name)
    search = SavedSearch(
        owner_id=owner_id, project_id=project.id if project else None, name=name, query=query, created_at=now
    )
    session.add(search)
    session.flush()
    return search


def list_saved_searches(session: Session, viewer: Actor) -> Sequence[SavedSearch]:
    """Return the viewer's own searches and those shared with projects they see, by name."""
    return session.scalars(_select_saved(viewer)).all()


@lru_cache(KEPT_STATEMENTS)
def _select_saved(viewer: Actor) -> Select[SavedSearch]:
    shared = SavedSearch.project_id.in_(select(Project.id).where(visible_to(viewer)))
    return select(SavedSearch).where(or_(SavedSearch.owner_id == viewer.user_id, shared)).order_by(SavedSearch.name)


def forget_search(session: Session, reference: UUID, *, actor: Actor) -> None:
    """Forget one of the actor's own searches.

    Raises:
        SavedSearchNotFoundError: There is none.
    """
    search = session.scalars(
        select(SavedSearch).where(SavedSearch.uuid == reference, SavedSearch.owner_id == actor.user_id)
    ).first()
    if search is None:
        raise SavedSearchNotFoundError(reference)
    session.delete(search)
    session.flush()

"""From a user to one who acts."""

from bugflow.tracker.accounts.actor import Actor, Origin
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.tables import User


def build_actor(
    user: User, *, origin: Origin, address: str | None = None, scopes: frozenset[str] | None = None
) -> Actor:
    """Return the user as one who acts; `scopes` are those of the API token, where one is used."""
    return Actor(user_id=user.id, name=user.name, role=Role(user.role), origin=origin, address=address, scopes=scopes)

"""Who acts, and from where: passed to every service that writes."""

from dataclasses import dataclass
from typing import Literal

from bugflow.core.errors import ForbiddenError
from bugflow.tracker.accounts.roles import ADMINISTRATION, PERMISSIONS, Permission, Role

Origin = Literal["web", "api", "cli", "import", "job"]


class MissingPermissionError(ForbiddenError):
    """The actor's role does not allow it."""

    def __init__(self, role: Role, permission: Permission) -> None:
        able = ", ".join(str(each) for each in Role if permission in PERMISSIONS[each])
        super().__init__(f"Your role ({role}) may not {permission}. Roles that may: {able}.")


class MissingScopeError(ForbiddenError):
    """An API token used for more than it was made for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API token lacks the scope '{scope}'. Make one that has it, or sign in.")


class NoUserError(ForbiddenError):
    """Something only a user can do."""

    def __init__(self) -> None:
        super().__init__("Only a signed-in user can do this.")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts. The command line, imports and jobs act as the system: administrator rights and no user.

    Attributes:
        scopes: What an API token was made for; none where no API token is used.
    """

    user_id: int | None
    name: str
    role: Role
    origin: Origin
    address: str | None = None
    scopes: frozenset[str] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the actor's role allows this, and the scopes of the API token where one is used."""
        return permission in PERMISSIONS[self.role] and not self._lacks_admin_scope(permission)

    def require(self, permission: Permission) -> None:
        """Refuse what the role does not allow.

        Raises:
            MissingPermissionError: The role does not allow it.
            MissingScopeError: The role does, but the API token does not.
        """
        if permission not in PERMISSIONS[self.role]:
            raise MissingPermissionError(self.role, permission)
        if self._lacks_admin_scope(permission):
            raise MissingScopeError("admin")

    def _lacks_admin_scope(self, permission: Permission) -> bool:
        return permission in ADMINISTRATION and self.scopes is not None and "admin" not in self.scopes


def build_system_actor(origin: Origin) -> Actor:
    """Return the actor that stands for the installation itself."""
    return Actor(user_id=None, name="BugFlow", role=Role.ADMIN, origin=origin)


def require_user_id(actor: Actor) -> int:
    """Return the acting user's number.

    Raises:
        NoUserError: The actor is the installation itself.
    """
    if actor.user_id is None:
        raise NoUserError
    return actor.user_id

"""Who acts, and from where: passed to every service that writes."""

from dataclasses import dataclass
from typing import Literal

from bugflow.core.errors import ForbiddenError
from bugflow.tracker.accounts.roles import PERMISSIONS, Permission, Role

Origin = Literal["web", "api", "cli", "import", "job"]


class MissingPermissionError(ForbiddenError):
    """The actor's role does not allow it."""

    def __init__(self, role: Role, permission: Permission) -> None:
        able = ", ".join(str(each) for each in Role if permission in PERMISSIONS[each])
        super().__init__(f"Your role ({role}) may not {permission}. Roles that may: {able}.")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts. The command line, imports and jobs act as the system: administrator rights and no user."""

    user_id: int | None
    name: str
    role: Role
    origin: Origin
    address: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the actor's role allows this."""
        return permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Refuse what the role does not allow.

        Raises:
            MissingPermissionError: The role does not allow it.
        """
        if not self.may(permission):
            raise MissingPermissionError(self.role, permission)


def build_system_actor(origin: Origin) -> Actor:
    """Return the actor that stands for the installation itself."""
    return Actor(user_id=None, name="BugFlow", role=Role.ADMIN, origin=origin)

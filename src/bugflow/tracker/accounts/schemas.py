"""What the API takes and gives for users and signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.tracker.accounts.roles import Role

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
NO_NUL = r"^[^\x00]*$"
"""For text of several lines: PostgreSQL keeps no NUL, and what one database takes the other shall take, too."""

PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE)]
EmailAddress = Annotated[
    str, StringConstraints(min_length=3, max_length=254), Field(json_schema_extra={"format": "email"})
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=PRINTABLE)]
Locale = Literal["en", "es"]
Scope = Literal["read", "write", "admin"]


class Credentials(BaseModel):
    """An e-mail address and a password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "tester@bugflow.com", "password": "tester123"}]}
    )

    username: Annotated[str, StringConstraints(min_length=1, max_length=254)] = Field(description="E-mail address.")
    password: Password


class TokensRead(BaseModel):
    """An access token, and a refresh token to get the next one."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 -- The kind of token.
    expires_in: int = Field(description="Seconds the access token is good for.")
    refresh_token: str


class RefreshToken(BaseModel):
    """A refresh token; it can be used once."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class UserCreate(BaseModel):
    """A new user."""

    email: EmailAddress
    name: PersonName
    role: Role
    password: Password


class UserPatch(BaseModel):
    """What to change of a user; what is left out stays."""

    email: EmailAddress | None = None
    name: PersonName | None = None
    role: Role | None = None
    is_active: bool | None = None
    time_zone: TimeZone | None = None
    locale: Locale | None = None


class OwnPatch(BaseModel):
    """What users change of themselves."""

    name: PersonName | None = None
    time_zone: TimeZone | None = None
    locale: Locale | None = None


class PasswordChange(BaseModel):
    """A new password for yourself."""

    old_password: Password
    new_password: Password = Field(description="At least 8 characters.")


class PasswordReset(BaseModel):
    """A new password for another user."""

    new_password: Password = Field(description="At least 8 characters.")


class UserRead(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    number: int = Field(validation_alias="id")
    email: str | None
    name: str
    role: Role
    is_active: bool
    time_zone: str
    locale: str
    created_at: datetime


class ApiTokenCreate(BaseModel):
    """A new API token."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTABLE)]
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=3,
        description="`read` for GET, `write` for changes, `admin` for what only administrators may do.",
    )
    days: int = Field(default=90, ge=1, le=730, description="After so many days it ends.")


class ApiTokenRead(BaseModel):
    """An API token, without the token itself."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime


class ApiTokenCreated(ApiTokenRead):
    """A new API token; the token itself is shown this once."""

    token: str

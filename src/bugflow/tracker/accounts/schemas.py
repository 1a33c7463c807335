"""What the API takes and gives for users and signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from bugflow.tracker.accounts.roles import Role

PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Credentials(BaseModel):
    """An e-mail address and a password."""

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

    email: EmailStr
    name: PersonName
    role: Role
    password: Password


class UserPatch(BaseModel):
    """What to change of a user; what is left out stays."""

    email: EmailStr | None = None
    name: PersonName | None = None
    role: Role | None = None
    is_active: bool | None = None
    time_zone: Annotated[str, StringConstraints(max_length=60)] | None = None
    locale: Literal["en", "es"] | None = None


class OwnPatch(BaseModel):
    """What users change of themselves."""

    name: PersonName | None = None
    time_zone: Annotated[str, StringConstraints(max_length=60)] | None = None
    locale: Literal["en", "es"] | None = None


class PasswordChange(BaseModel):
    """A new password; an administrator leaves the old one out."""

    old_password: Password | None = None
    new_password: Password


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

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: list[Literal["read", "write"]] = Field(min_length=1, max_length=2)
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

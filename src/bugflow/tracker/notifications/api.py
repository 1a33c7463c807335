"""The inbox over HTTP, under /api/v1/notifications, and the link that ends mail, under /unsubscribe."""

from datetime import datetime
from html import escape
from typing import Annotated, Literal

from fastapi import Path, Query, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.errors import NotFoundError
from bugflow.core.http.dependencies import ReadSession, SettingsDep, WriteSession
from bugflow.core.http.routes import Router
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.actor import require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.notifications.queries import count_unread, get_preference, list_notifications
from bugflow.tracker.notifications.service import mark_read
from bugflow.tracker.notifications.tables import NotificationPreference
from bugflow.tracker.notifications.unsubscribing import read_unsubscribe_token
from bugflow.tracker.notifications.wishes import Channel, Kind, resolve_channels, stop_mail

router = Router(prefix="/notifications", tags=["notifications"])
unsubscribing = Router(prefix="/unsubscribe", tags=["notifications"])

Number = Annotated[int, Query(ge=1, le=2**31 - 1)]
Token = Annotated[str, Path(max_length=1000)]


class UnsubscribeLinkError(NotFoundError):
    """The link is not one of ours."""

    def __init__(self) -> None:
        super().__init__("This link is not good. Copy the whole link, or sign in and change your notifications.")


class NotificationRead(BaseModel):
    """Something you should know, and why."""

    id: int
    kind: Kind
    reason: str
    summary: str
    issue: str | None
    sprint: str | None
    created_at: datetime
    read: bool


class Inbox(BaseModel):
    """A part of the inbox, newest first."""

    unread: int
    items: list[NotificationRead]


class Unread(BaseModel):
    """How many notifications wait."""

    unread: int


class ReadUpTo(BaseModel):
    """Everything up to this notification has been read."""

    up_to: int = Field(ge=1, le=2**31 - 1)


class Preference(BaseModel):
    """How you want to be told. Mail comes in addition to the inbox; kinds left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    channels: dict[Kind, Channel] = Field(default_factory=dict)
    digest_every: Literal["hour", "day"] | None = None
    digest_hour: int | None = Field(default=None, ge=0, le=23, description="Hour of the daily digest, UTC.")


class PreferenceRead(BaseModel):
    """How you are told."""

    channels: dict[Kind, Channel]
    digest_every: Literal["hour", "day"]
    digest_hour: int


@router.get("")
def read_inbox(
    session: ReadSession,
    actor: ActorDep,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    *,
    unread: bool = False,
) -> Inbox:
    """Read your inbox."""
    require_user_id(actor)
    rows = list_notifications(session, actor, unread=unread, before_id=before, limit=limit)
    items = [
        NotificationRead.model_validate(
            {
                "id": each.id,
                "kind": each.kind,
                "reason": each.reason,
                "summary": each.summary,
                "issue": issue.key if issue else None,
                "sprint": sprint.name if sprint else None,
                "created_at": each.created_at,
                "read": each.read_at is not None,
            }
        )
        for each, issue, sprint in rows
    ]
    return Inbox(unread=count_unread(session, actor), items=items)


@router.get("/unread")
def read_unread(session: ReadSession, actor: ActorDep) -> Unread:
    """Count what you have not read."""
    require_user_id(actor)
    return Unread(unread=count_unread(session, actor))


@router.post("/read", status_code=status.HTTP_204_NO_CONTENT)
def read_up_to(body: ReadUpTo, session: WriteSession, actor: ActorDep) -> None:
    """Mark notifications up to one as read."""
    mark_read(session, require_user_id(actor), up_to=body.up_to, now=utc_now())


@router.post("/read-all", status_code=status.HTTP_204_NO_CONTENT)
def read_all(session: WriteSession, actor: ActorDep) -> None:
    """Mark every notification as read."""
    mark_read(session, require_user_id(actor), now=utc_now())


@router.get("/preferences")
def read_preferences(session: ReadSession, actor: ActorDep) -> PreferenceRead:
    """Read how you want to be told."""
    return _show(get_preference(session, require_user_id(actor)))


@router.put("/preferences")
def write_preferences(body: Preference, session: WriteSession, actor: ActorDep) -> PreferenceRead:
    """Say how you want to be told."""
    preference = get_preference(session, require_user_id(actor))
    preference.channels = resolve_channels(preference) | dict(body.channels)
    preference.digest_every = body.digest_every or preference.digest_every
    if body.digest_hour is not None:
        preference.digest_hour = body.digest_hour
    session.add(preference)
    session.flush()
    return _show(preference)


@router.post("/{number}/read", status_code=status.HTTP_204_NO_CONTENT)
def read_one(number: Annotated[int, Path(ge=1, le=2**31 - 1)], session: WriteSession, actor: ActorDep) -> None:
    """Mark one notification as read."""
    mark_read(session, require_user_id(actor), only=number, now=utc_now())


@unsubscribing.get("/{token}", response_class=HTMLResponse)
def ask_to_unsubscribe(token: Token, session: ReadSession, settings: SettingsDep) -> HTMLResponse:
    """Ask whether mail should end; a look at the link changes nothing."""
    user = _get_subscriber(session, token, settings)
    question = f"No more mail from BugFlow to {escape(user.email or 'you')}?"
    return _page(f'<p>{question}</p><form method="post"><button>No more mail</button></form>')


@unsubscribing.post("/{token}", response_class=HTMLResponse)
def unsubscribe(token: Token, session: WriteSession, settings: SettingsDep) -> HTMLResponse:
    """End a user's mail; the inbox stays. The link itself is the right to do so."""
    user = _get_subscriber(session, token, settings)
    preference = get_preference(session, user.id)
    stop_mail(preference)
    session.add(preference)
    session.flush()
    return _page("<p>You get no more mail. Your inbox in BugFlow goes on.</p>")


def _get_subscriber(session: Session, token: str, settings: Settings) -> User:
    reference = read_unsubscribe_token(token, secret=settings.secret_key.get_secret_value())
    user = None if reference is None else session.scalars(select(User).where(User.uuid == reference)).first()
    if user is None:
        raise UnsubscribeLinkError
    return user


def _page(content: str) -> HTMLResponse:
    head = '<meta charset="utf-8"><meta name="robots" content="noindex"><title>BugFlow: mail</title>'
    return HTMLResponse(f'<!doctype html><html lang="en"><head>{head}</head><body><main>{content}</main></body></html>')


def _show(preference: NotificationPreference) -> PreferenceRead:
    return PreferenceRead.model_validate(
        {
            "channels": resolve_channels(preference),
            "digest_every": preference.digest_every,
            "digest_hour": preference.digest_hour,
        }
    )

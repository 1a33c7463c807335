"""Notifications and each user's wishes about them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Json, Table, UtcDateTime


class Notification(Table):
    """Something a user should know, of an issue or a sprint. `event_key` keeps a repeated job from telling it twice.

    `channel` is what the user wished when it happened: the inbox alone, or a mail too. `mail_state` is none without
    mail; then it goes from waiting over sending to sent, refused (for good, `mail_error` says why) or dropped (the
    user may not see it any more, is inactive, has no address or wants no mail by now).
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "event_key"),
        Index("ix_notifications_user_unread", "user_id", "read_at", "id"),
        Index("ix_notifications_mail", "mail_state", "channel", "user_id"),
        CheckConstraint("channel IN ('inbox', 'immediate', 'digest')", name="channel"),
        CheckConstraint("mail_state IN ('waiting', 'sending', 'sent', 'refused', 'dropped')", name="mail_state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issues.id"), index=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(String(20))
    summary: Mapped[str] = mapped_column(String(500))
    event_key: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sprint_id: Mapped[int | None] = mapped_column(ForeignKey("sprints.id"))
    channel: Mapped[str] = mapped_column(String(10), default="inbox")
    mail_state: Mapped[str | None] = mapped_column(String(10))
    mail_claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_error: Mapped[str | None] = mapped_column(String(500))
    emailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class NotificationPreference(Table):
    """How a user wants to be told: a channel for each kind, and when digests come; kinds not named have the default."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    channels: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    digest_every: Mapped[str] = mapped_column(String(10), default="day")
    digest_hour: Mapped[int] = mapped_column(default=8)
    last_digest_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

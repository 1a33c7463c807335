"""Kinds of notification and the channels people choose for them."""

from typing import Literal, get_args

from bugflow.tracker.notifications.tables import NotificationPreference

Kind = Literal["assigned", "mentioned", "commented", "changed", "sprint", "models"]
Channel = Literal["off", "inbox", "digest", "immediate"]
"""Mail comes in addition to the inbox."""

KINDS: tuple[Kind, ...] = get_args(Kind)
MAIL_CHANNELS = frozenset({"digest", "immediate"})
DEFAULT_CHANNELS: dict[Kind, Channel] = {
    "assigned": "immediate",
    "mentioned": "immediate",
    "commented": "inbox",
    "changed": "inbox",
    "sprint": "inbox",
    "models": "immediate",
}


def resolve_channels(preference: NotificationPreference) -> dict[str, str]:
    """Return the channel of every kind, with defaults filled in."""
    return {kind: preference.channels.get(kind, default) for kind, default in DEFAULT_CHANNELS.items()}


def stop_mail(preference: NotificationPreference) -> None:
    """Keep the inbox and end every mail."""
    channels = resolve_channels(preference)
    preference.channels = {kind: "inbox" if way in MAIL_CHANNELS else way for kind, way in channels.items()}

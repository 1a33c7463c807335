"""What notification mails look like: plain text, simple HTML, threads by issue, a link that ends them."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from html import escape
from itertools import groupby
from urllib.parse import urlsplit

from bugflow.core.errors import InvalidError
from bugflow.core.mail import build_message, one_line
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.notifications.tables import Notification
from bugflow.tracker.notifications.unsubscribing import make_unsubscribe_token
from bugflow.tracker.sprints.tables import Sprint

REASONS = {
    "assignee": "you are assigned",
    "mention": "you are mentioned",
    "watching": "you follow the issue",
    "in sprint": "you have an issue in the sprint",
    "looks after models": "you may choose models",
}


class RecipientAddressError(InvalidError):
    """No mail can be sent to this address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{one_line(address)!r} is no address that mail can be sent to.")


@dataclass(frozen=True)
class Post:
    """What every mail of an installation shares."""

    sender: str
    public_url: str
    secret: str

    @property
    def host(self) -> str:
        """The right side of message ids."""
        return urlsplit(self.public_url).hostname or "bugflow.invalid"

    def unsubscribe_url(self, user: User) -> str:
        """Return the address that ends a user's mail."""
        token = make_unsubscribe_token(user.uuid, secret=self.secret)
        return f"{self.public_url.rstrip('/')}/unsubscribe/{token}"


@dataclass(frozen=True)
class News:
    """A notification with what it is about; news of models have no subject."""

    notification: Notification
    subject: Issue | Sprint | None

    @property
    def title(self) -> str:
        """The issue's key and title, or the sprint's name."""
        if isinstance(self.subject, Issue):
            return f"[{self.subject.key}] {self.subject.title}"
        return "[Models]" if self.subject is None else f"[{self.subject.name}]"

    @property
    def thread(self) -> str:
        """What news of the same share: the left side of a message id."""
        if self.subject is None:
            return "models"
        return f"{type(self.subject).__name__.lower()}.{self.subject.uuid}"

    def link(self, post: Post) -> str:
        """Return the address of the issue, or of the start page."""
        base = post.public_url.rstrip("/")
        return f"{base}/issues/{self.subject.key}" if isinstance(self.subject, Issue) else f"{base}/"


def compose_mail(post: Post, user: User, news: News) -> EmailMessage:
    """Return the mail of one notification; the mails of one issue form a thread.

    Raises:
        RecipientAddressError: The user's address cannot be used.
    """
    reason = f"You get this because {REASONS.get(news.notification.reason, 'you asked for it')}."
    message = _compose(post, user, news.title, [news], reason)
    message["Message-ID"] = f"<notification.{news.notification.id}@{post.host}>"
    root = f"<{news.thread}@{post.host}>"
    message["In-Reply-To"] = root
    message["References"] = root
    return message


def compose_digest(post: Post, user: User, news: Sequence[News]) -> EmailMessage:
    """Return one mail of several notifications, grouped by issue.

    Raises:
        RecipientAddressError: The user's address cannot be used.
    """
    several = f"{len(news)} notification{'' if len(news) == 1 else 's'}"
    message = _compose(post, user, f"BugFlow: {several}", news, "You get this because you asked for a digest.")
    newest = max(each.notification.id for each in news)
    message["Message-ID"] = f"<digest.{user.uuid}.{newest}@{post.host}>"
    return message


def _compose(post: Post, user: User, subject: str, news: Sequence[News], reason: str) -> EmailMessage:
    stop = post.unsubscribe_url(user)
    lines, parts = [], []
    ordered = sorted(news, key=lambda each: (each.title, each.notification.id))
    for title, group in groupby(ordered, key=lambda each: each.title):
        about = list(group)
        link = about[0].link(post)
        lines += [title, link, *(f"  - {each.notification.summary}" for each in about), ""]
        items = "".join(f"<li>{escape(each.notification.summary)}</li>" for each in about)
        parts.append(f'<h3><a href="{escape(link)}">{escape(title)}</a></h3><ul>{items}</ul>')
    text = "\n".join([*lines, "--", reason, f"No more mail: {stop}", ""])
    end = f'<p><small>{escape(reason)} <a href="{escape(stop)}">No more mail</a></small></p>'
    html = f"<!doctype html><html><body>{''.join(parts)}{end}</body></html>"
    recipient = _format_recipient(user)
    message = build_message(sender=post.sender, recipient=recipient, subject=subject, text=text, html=html)
    message["List-Unsubscribe"] = f"<{stop}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    return message


def _format_recipient(user: User) -> str:
    address = user.email or ""
    try:
        if not address.isascii():
            raise RecipientAddressError(address)
        return str(Address(display_name=one_line(user.name), addr_spec=address))
    except (ValueError, IndexError) as error:
        raise RecipientAddressError(address) from error

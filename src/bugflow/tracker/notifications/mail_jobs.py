"""Sending the mails: each claimed before it is sent, noted as sent after, so that none is lost.

A worker that dies between the mail server's answer and the note leaves a claim; the mail is then sent again, with the
same Message-ID, by which most mail programs show it once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import UnavailableError
from bugflow.core.jobs.definition import Job, job, job_of
from bugflow.core.mail import Mailer, MailError
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.notifications.audience import keep_those_who_see
from bugflow.tracker.notifications.events import MailWanted
from bugflow.tracker.notifications.mails import News, Post, RecipientAddressError, compose_digest, compose_mail
from bugflow.tracker.notifications.queries import get_preference
from bugflow.tracker.notifications.tables import Notification, NotificationPreference
from bugflow.tracker.notifications.wishes import resolve_channels
from bugflow.tracker.sprints.tables import Sprint

log = structlog.get_logger()

CLAIM_ENDS_AFTER = timedelta(minutes=5)
"""Longer than a mail server may take: a claim this old is a dead worker's."""
MAIL_ATTEMPTS = 16
"""With the pauses between them about six hours; the hourly job goes on from there."""
GIVE_UP_AFTER = timedelta(days=3)
LONGEST_ERROR = 500
MOST_IN_A_DIGEST = 500


class MailClaimedError(UnavailableError):
    """Another worker is sending the mail, or died while it was."""

    def __init__(self, notification_id: int) -> None:
        super().__init__(f"Notification {notification_id} is being mailed by another worker. It is looked at again.")


def build_mail_jobs(mailer: Mailer | None, post: Post) -> tuple[Job, ...]:
    """Return the jobs that send mail by this mailer; without one, mails that are wanted are dropped."""

    @job(on=MailWanted, max_attempts=MAIL_ATTEMPTS)
    def send_wanted_mail(database: Database, event: MailWanted) -> None:
        send_at_once(database, event.notification_id, mailer=mailer, post=post, now=utc_now())

    @job(schedule="0 * * * *")
    def send_digests(database: Database) -> None:
        send_due_digests(database, mailer=mailer, post=post, now=utc_now())

    @job(schedule="30 * * * *")
    def send_left_over_mails(database: Database) -> None:
        for number in list_left_over(database, now=utc_now()):
            try:
                send_at_once(database, number, mailer=mailer, post=post, now=utc_now())
            except UnavailableError as error:
                log.warning("mail_still_waiting", notification=number, error=str(error))

    return tuple(job_of(each) for each in (send_wanted_mail, send_digests, send_left_over_mails))


def send_at_once(database: Database, notification_id: int, *, mailer: Mailer | None, post: Post, now: datetime) -> None:
    """Mail one notification that waits; what was sent, refused or dropped already is left alone.

    Raises:
        MailError: The mail server did not take it now; trying again may help.
        MailClaimedError: Another worker has it.
    """
    own = Notification.id == notification_id
    with database.transaction() as session:
        claimed = _claim(session, own, now=now)
        if not claimed:
            if session.scalar(select(Notification.mail_state).where(own)) == "sending":
                raise MailClaimedError(notification_id)
            return
        user = session.get_one(User, claimed[0].user_id)
        news = _keep_sendable(session, user, claimed, mailer=mailer)
    if mailer is None or not news:
        return
    _deliver(database, mailer, post, user, news, digest=False)


def send_due_digests(database: Database, *, mailer: Mailer | None, post: Post, now: datetime) -> None:
    """Send every digest whose hour has come; one that fails waits for the next hour and keeps nobody else waiting."""
    with database.snapshot() as session:
        waiting = (
            select(Notification.user_id, func.min(Notification.created_at))
            .where(_may_claim(now), Notification.channel == "digest")
            .group_by(Notification.user_id)
        )
        rows = session.execute(waiting).all()
        due = [user_id for user_id, oldest in rows if _is_due(get_preference(session, user_id), oldest, now)]
    for user_id in due:
        try:
            _send_digest(database, user_id, mailer=mailer, post=post, now=now)
        except MailError as error:
            log.warning("digest_not_sent", user=user_id, cause=error.cause, error=str(error))


def _send_digest(database: Database, user_id: int, *, mailer: Mailer | None, post: Post, now: datetime) -> None:
    with database.transaction() as session:
        condition = and_(Notification.user_id == user_id, Notification.channel == "digest")
        claimed = _claim(session, condition, now=now)
        user = session.get_one(User, user_id)
        news = _keep_sendable(session, user, claimed, mailer=mailer)
    if mailer is None or not news:
        return
    _deliver(database, mailer, post, user, news, digest=True)


def _is_due(preference: NotificationPreference, oldest: datetime, now: datetime) -> bool:
    """Whether the hour of the digest has come since the oldest notification."""
    if preference.digest_every == "hour":
        return True
    hour = now.astimezone(UTC).replace(hour=preference.digest_hour, minute=0, second=0, microsecond=0)
    last_hour = hour if hour <= now else hour - timedelta(days=1)
    return oldest < last_hour


def list_left_over(database: Database, *, now: datetime) -> Sequence[int]:
    """Return the mails wanted at once whose job has given up, and give up those that have waited for days."""
    with database.transaction() as session:
        waiting = and_(_may_claim(now), Notification.channel == "immediate")
        session.execute(
            update(Notification)
            .where(waiting, Notification.created_at < now - GIVE_UP_AFTER)
            .values(mail_state="refused", mail_error="The mail server took no mail for three days.")
        )
        old = Notification.created_at < now - timedelta(hours=6)
        return session.scalars(select(Notification.id).where(waiting, old).order_by(Notification.id)).all()


def _may_claim(now: datetime) -> ColumnElement[bool]:
    dead = and_(Notification.mail_state == "sending", Notification.mail_claimed_at < now - CLAIM_ENDS_AFTER)
    return or_(Notification.mail_state == "waiting", dead)


def _claim(session: Session, condition: ColumnElement[bool], *, now: datetime) -> Sequence[Notification]:
    rows = session.scalars(
        select(Notification)
        .where(condition, _may_claim(now))
        .order_by(Notification.id)
        .limit(MOST_IN_A_DIGEST)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.mail_state, row.mail_claimed_at = "sending", now
    session.flush()
    return rows


def _keep_sendable(
    session: Session, user: User, claimed: Sequence[Notification], *, mailer: Mailer | None
) -> list[News]:
    channels = resolve_channels(get_preference(session, user.id))
    kept = []
    for row in claimed:
        subject = session.get(Issue, row.issue_id) if row.issue_id is not None else None
        about = subject or (session.get(Sprint, row.sprint_id) if row.sprint_id is not None else None)
        wanted = channels.get(row.kind) in {"immediate", "digest"} and user.email is not None and mailer is not None
        is_known = about is not None or (row.issue_id is None and row.sprint_id is None)
        if wanted and is_known and keep_those_who_see(session, about, [user.id]):
            kept.append(News(row, about))
        else:
            row.mail_state = "dropped"
    session.flush()
    return kept


def _deliver(database: Database, mailer: Mailer, post: Post, user: User, news: list[News], *, digest: bool) -> None:
    numbers = [each.notification.id for each in news]
    try:
        message = compose_digest(post, user, news) if digest else compose_mail(post, user, news[0])
        mailer.send(message)
    except RecipientAddressError as error:
        _note(database, numbers, "refused", error=str(error))
    except MailError as error:
        _note(database, numbers, "refused" if error.permanent else "waiting", error=str(error))
        if not error.permanent:
            raise
        log.warning("mail_refused", user=user.id, cause=error.cause, error=str(error))
    else:
        _note(database, numbers, "sent", digest_of=user.id if digest else None)


def _note(
    database: Database, numbers: Sequence[int], state: str, *, error: str | None = None, digest_of: int | None = None
) -> None:
    now = utc_now()
    with database.transaction() as session:
        session.execute(
            update(Notification)
            .where(Notification.id.in_(numbers))
            .values(
                mail_state=state,
                mail_claimed_at=None,
                mail_error=error[:LONGEST_ERROR] if error else None,
                emailed_at=now if state == "sent" else None,
            )
        )
        if digest_of is not None:
            preference = get_preference(session, digest_of)
            preference.last_digest_at = now
            session.add(preference)

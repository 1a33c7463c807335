"""Whether broker, workers and mail server do their part."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cronsim import CronSim
from kombu.connection import Connection
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from bugflow.core.mail import SmtpMailer, build_message, parse_smtp_url, send_mail
from bugflow.core.settings import Settings
from bugflow.operation.doctor.findings import Finding, fail, note, warn, well

BROKER_TIMEOUT_SECONDS = 3.0
LONG_WAIT = timedelta(minutes=5)
TICK_MARGIN = timedelta(minutes=2)
CATCH_UP = timedelta(hours=23)
"""Runners make up for ticks of the last day; a little less is looked at."""
RECENT = timedelta(days=7)


def examine_broker(settings: Settings) -> Iterator[Finding]:
    """Connect to the broker, where one is set."""
    if not settings.broker_url:
        yield note("broker", "none is set: `bugflow serve` runs the jobs itself")
        return
    parts = urlsplit(settings.broker_url)
    place = f"{parts.scheme}://{parts.hostname}:{parts.port or '(default port)'}"
    options = {"socket_connect_timeout": BROKER_TIMEOUT_SECONDS, "socket_timeout": BROKER_TIMEOUT_SECONDS}
    try:
        with Connection(  # type: ignore[no-untyped-call]
            settings.broker_url,
            connect_timeout=BROKER_TIMEOUT_SECONDS,
            transport_options=options if parts.scheme.startswith("redis") else {},
        ) as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_SECONDS, reraise_as_library_errors=True)
            connection.default_channel.close()
    except (BrokerError, OSError) as error:
        advice = "Start it, or check BUGFLOW_BROKER_URL. No report is lost meanwhile; jobs wait."
        yield fail("broker", f"{place} does not answer: {str(error)[:200]}", advice)
    else:
        yield well("broker", f"{place} answers")


def examine_jobs(session: Session, registry: JobRegistry) -> Iterator[Finding]:
    """Look for signs of a worker, for what waits too long and for what has failed."""
    now = utc_now()
    missed = _find_missed_ticks(session, registry, now)
    waiting = session.scalar(select(func.min(OutboxEvent.created_at)).where(OutboxEvent.dispatched_at.is_(None)))
    due = session.scalar(
        select(func.min(JobRun.due_at)).where(JobRun.state == "queued", *_list_waiting(session, registry))
    )
    oldest = min((each for each in (waiting, due) if each is not None), default=None)
    late = max(now - oldest, timedelta()) if oldest is not None else timedelta()
    start = "Start `bugflow serve`, or `bugflow worker` where a broker is set, and read its log."
    if late > LONG_WAIT:
        yield fail("worker", f"work has been waiting for {_in_words(late)}: none is running, or it is too busy", start)
    elif missed:
        yield warn("worker", f"none has been running lately: {missed[0]} was due and was not queued", start)
    else:
        yield well("worker", f"takes work; the oldest waits for {_in_words(late)}")
    failed = session.execute(
        select(JobRun.job, func.count())
        .where(JobRun.state == "failed", JobRun.finished_at > now - RECENT)
        .group_by(JobRun.job)
        .order_by(func.count().desc(), JobRun.job)
    ).all()
    if failed:
        found = ", ".join(f"{job} {count} times" for job, count in failed[:5])
        advice = "`bugflow jobs list --state failed` says why; `bugflow jobs retry ID` tries one again."
        yield warn("failed jobs", f"in {RECENT.days} days: {found}", advice)
    else:
        yield well("failed jobs", f"none in {RECENT.days} days")


def _list_waiting(session: Session, registry: JobRegistry) -> list[ColumnElement[bool]]:
    """Return which queued runs should have begun: not the long ones where one of these is running."""
    is_long = JobRun.job.in_(registry.list_long())
    busy = session.scalar(select(JobRun.id).where(JobRun.state == "running", is_long).limit(1))
    return [] if busy is None else [~is_long]


def _find_missed_ticks(session: Session, registry: JobRegistry, now: datetime) -> list[str]:
    keys: dict[str, str] = {}
    for each in registry:
        if each.schedule is not None:
            tick = next(CronSim(each.schedule, now, reverse=True))
            if TICK_MARGIN < now - tick < CATCH_UP:
                keys[f"{each.name}@{tick.isoformat()}"] = each.name
    queued = set(session.scalars(select(JobRun.unique_key).where(JobRun.unique_key.in_(keys))))
    return sorted(name for key, name in keys.items() if key not in queued)


def _in_words(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def examine_mail(settings: Settings, *, recipient: str | None) -> Iterator[Finding]:
    """Connect to the mail server and sign in there; with a recipient, send a mail.

    Raises:
        MailError: It failed; the message says why.
        MailAddressError: BUGFLOW_SMTP_URL is malformed.
    """
    address = settings.smtp_url.get_secret_value().strip()
    if not address and recipient is None:
        yield note("mail", "no mail server is set: notifications are shown in BugFlow only", "Set BUGFLOW_SMTP_URL.")
        return
    if recipient is None:
        server = parse_smtp_url(address)
        SmtpMailer(server).check()
        signed_in = "and takes user and password" if server.password else "and wants no password of us"
        yield well("mail", f"{server} answers {signed_in}; `bugflow doctor --mail ADDRESS` sends a mail")
        return
    text = f"This mail was sent by `bugflow doctor` at {settings.public_url}. E-mail from BugFlow reaches you.\n"
    send_mail(
        settings,
        build_message(sender=settings.mail_from, recipient=recipient, subject="BugFlow: a test mail", text=text),
    )
    yield well("mail", f"a test mail to {recipient} was taken; look whether it arrives, also among spam")

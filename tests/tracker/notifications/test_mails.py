from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bugflow.core.clock import utc_now
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.tables import JobRun
from bugflow.core.mail import MailError, MemoryMailer
from bugflow.mlops.monitoring.jobs import tell_of_models
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.notifications.mail_jobs import (
    CLAIM_ENDS_AFTER,
    MailClaimedError,
    list_left_over,
    send_at_once,
    send_due_digests,
)
from bugflow.tracker.notifications.mails import Post
from bugflow.tracker.notifications.tables import Notification
from bugflow.worker import collect_jobs
from factories.app import Installation

INBOX = "/api/v1/notifications"
POST = Post(
    sender="BugFlow <bugflow@example.com>",
    public_url="https://bugs.example.com",
    secret="a-secret-of-the-tests-that-is-long-enough",
)


def assign(installation: Installation, **fields: Any) -> None:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": "It breaks", "assignee": "developer@example.com"} | fields
    installation.call("project_manager", "POST", "/api/v1/issues", json=body)


def run(installation: Installation, mailer: MemoryMailer | None) -> None:
    MemoryRunner(installation.database, collect_jobs(installation.settings, mailer=mailer)).run_pending()


def read_state(installation: Installation) -> str | None:
    with installation.database.snapshot() as session:
        return session.scalars(select(Notification.mail_state)).one()


def test_an_assignment_is_mailed_at_once_and_once(installation: Installation) -> None:
    assign(installation, title="Crash <b>\u202e")
    mailer = MemoryMailer()
    run(installation, mailer)
    run(installation, mailer)
    [mail] = mailer.messages
    assert mail["To"] == "Developer <developer@example.com>"
    assert mail["Subject"].startswith("[WEB-1] Crash <b>")
    assert mail["References"].startswith("<issue.")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "/issues/WEB-1" in text
    assert "&lt;b&gt;" in html
    assert read_state(installation) == "sent"


def test_news_of_models_are_mailed_at_once_to_those_who_may_choose_models(installation: Installation) -> None:
    with installation.database.transaction() as session:
        tell_of_models(session, "severity: back to 1.0.0.", event_key="worse:1.1.0", now=utc_now())
    mailer = MemoryMailer()
    run(installation, mailer)
    assert {mail["To"] for mail in mailer.messages} == {
        "Project Manager <project_manager@example.com>",
        "Admin <admin@example.com>",
    }
    mail = mailer.messages[0]
    assert (mail["Subject"], mail["References"]) == ("[Models]", "<models@localhost>")
    text, _ = (part.get_content() for part in mail.iter_parts())
    assert "severity: back to 1.0.0." in text
    assert "because you may choose models" in text
    [news] = installation.call("project_manager", "GET", INBOX)["items"]
    assert (news["kind"], news["issue"], news["sprint"], news["summary"]) == (
        "models",
        None,
        None,
        "severity: back to 1.0.0.",
    )


def test_who_may_choose_models_no_longer_gets_no_news_of_them_that_waited(installation: Installation) -> None:
    with installation.database.transaction() as session:
        tell_of_models(session, "severity: back to 1.0.0.", event_key="worse:1.1.0", now=utc_now())
        session.execute(update(User).where(User.email == "project_manager@example.com").values(role="developer"))
    mailer = MemoryMailer()
    run(installation, mailer)
    assert [mail["To"] for mail in mailer.messages] == ["Admin <admin@example.com>"]
    assert installation.call("project_manager", "GET", f"{INBOX}/unread") == {"unread": 0}


def test_without_a_mail_server_the_inbox_goes_on(installation: Installation) -> None:
    assign(installation)
    run(installation, None)
    assert read_state(installation) == "dropped"
    assert installation.call("developer", "GET", f"{INBOX}/unread") == {"unread": 1}


@pytest.mark.parametrize(
    ("permanent", "state", "run_state"), [(True, "refused", "succeeded"), (False, "waiting", "queued")]
)
def test_what_is_refused_for_good_is_noted_and_what_is_not_is_tried_again(
    installation: Installation, state: str, run_state: str, *, permanent: bool
) -> None:
    assign(installation)
    mailer = MemoryMailer()
    mailer.failure = MailError("550 no.", cause="recipient", permanent=permanent)
    run(installation, mailer)
    assert read_state(installation) == state
    with installation.database.transaction() as session:
        query = select(JobRun).where(JobRun.job.endswith("send_wanted_mail"))
        assert session.scalars(query).one().state == run_state
        session.execute(update(JobRun).values(due_at=utc_now()))
    mailer.failure = None
    run(installation, mailer)
    assert len(mailer.messages) == (0 if permanent else 1)


def test_a_dead_workers_claim_holds_for_a_while_and_then_the_same_mail_is_sent(installation: Installation) -> None:
    assign(installation)
    MemoryRunner(installation.database, collect_jobs(installation.settings)).run_pending()
    now = utc_now()
    with installation.database.transaction() as session:
        session.execute(update(Notification).values(mail_state="sending", mail_claimed_at=now))
    mailer = MemoryMailer()
    with pytest.raises(MailClaimedError):
        send_at_once(installation.database, 1, mailer=mailer, post=POST, now=now)
    later = now + CLAIM_ENDS_AFTER + timedelta(seconds=1)
    send_at_once(installation.database, 1, mailer=mailer, post=POST, now=later)
    assert [mail["Message-ID"] for mail in mailer.messages] == ["<notification.1@bugs.example.com>"]


def test_who_lost_sight_or_is_inactive_gets_no_mail_that_waited(installation: Installation) -> None:
    assign(installation)
    mailer = MemoryMailer()
    mailer.failure = MailError("busy", cause="busy")
    run(installation, mailer)
    with installation.database.transaction() as session:
        session.execute(update(User).where(User.email == "developer@example.com").values(is_active=False))
    mailer.failure = None
    send_at_once(installation.database, 1, mailer=mailer, post=POST, now=utc_now())
    assert (mailer.messages, read_state(installation)) == ([], "dropped")


def test_a_digest_comes_at_its_hour_grouped_by_issue_and_once(installation: Installation) -> None:
    wishes = {"channels": {"assigned": "digest"}, "digest_every": "day", "digest_hour": 7}
    installation.call("developer", "PUT", f"{INBOX}/preferences", json=wishes)
    assign(installation)
    assign(installation, title="Slow")
    mailer = MemoryMailer()
    run(installation, mailer)
    assert mailer.messages == []
    tomorrow = utc_now() + timedelta(days=1)
    send_due_digests(installation.database, mailer=mailer, post=POST, now=utc_now())
    assert mailer.messages == []
    due = tomorrow.replace(hour=7, minute=0, second=1)
    mailer.failure = MailError("busy", cause="busy")
    send_due_digests(installation.database, mailer=mailer, post=POST, now=due)
    mailer.failure = None
    for _ in range(2):
        send_due_digests(installation.database, mailer=mailer, post=POST, now=due + timedelta(hours=1))
    [mail] = mailer.messages
    text = next(iter(mail.iter_parts())).get_content()
    assert "[WEB-1] It breaks" in text
    assert "[WEB-2] Slow" in text


def test_what_waited_for_days_is_given_up_and_noted(installation: Installation) -> None:
    assign(installation)
    mailer = MemoryMailer()
    mailer.failure = MailError("busy", cause="busy")
    run(installation, mailer)
    assert list_left_over(installation.database, now=utc_now()) == []
    assert list_left_over(installation.database, now=utc_now() + timedelta(hours=7)) == [1]
    assert list_left_over(installation.database, now=utc_now() + timedelta(days=4)) == []
    assert read_state(installation) == "refused"


def test_the_link_in_a_mail_ends_mail_without_signing_in(installation: Installation) -> None:
    assign(installation)
    mailer = MemoryMailer()
    run(installation, mailer)
    with installation.database.snapshot() as session:
        user = session.scalars(select(User).where(User.email == "developer@example.com")).one()
    path = POST.unsubscribe_url(user).removeprefix("https://bugs.example.com")
    assert "No more mail" in installation.client.get(path).text
    assert installation.call("developer", "GET", f"{INBOX}/preferences")["channels"]["assigned"] == "immediate"
    assert installation.client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert installation.call("developer", "GET", f"{INBOX}/preferences")["channels"]["assigned"] == "inbox"
    token = installation.sign_in("developer")["Authorization"].removeprefix("Bearer ")
    for wrong in (path[:-3], f"/unsubscribe/{token}", "/unsubscribe/x"):
        assert installation.client.post(wrong).status_code == 404

from uuid import uuid4

from sqlalchemy import select

from bugflow.core.clock import utc_now
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun
from bugflow.tracker.accounts.tables import User
from factories.app import Installation
from factories.jobs import write_by_hand

JOBS = "/api/v1/jobs"


def queue_for(installation: Installation, role: str | None, name: str, state: str = "queued") -> str:
    with installation.database.transaction() as session:
        owner = None
        if role is not None:
            owner = session.scalars(select(User.id).where(User.email == f"{role}@example.com")).one()
        run = enqueue(session, write_by_hand, now=utc_now(), owner_id=owner, name_rung=name)
        run.state = state
        return str(run.uuid)


def test_administrators_see_all_jobs_and_others_their_own(installation: Installation) -> None:
    mine = queue_for(installation, "tester", "a")
    nobodys = queue_for(installation, None, "b")
    assert [job["id"] for job in installation.call("admin", "GET", JOBS)["items"]] == [nobodys, mine]
    assert [job["id"] for job in installation.call("tester", "GET", JOBS)["items"]] == [mine]
    assert installation.call("developer", "GET", JOBS)["items"] == []
    assert installation.call("tester", "GET", f"{JOBS}/{mine}")["state"] == "queued"
    hidden = installation.refuse("tester", "GET", f"{JOBS}/{nobodys}", 404)
    assert f"There is no job {nobodys}" in hidden["detail"]
    installation.refuse("admin", "GET", f"{JOBS}/{uuid4()}", 404)
    assert installation.client.get(JOBS).status_code == 401


def test_jobs_are_found_by_state_and_page_by_page(installation: Installation) -> None:
    failed = queue_for(installation, None, "a", state="failed")
    queued = [queue_for(installation, None, str(number)) for number in range(3)]
    found = installation.call("admin", "GET", f"{JOBS}?state=failed")["items"]
    assert [job["id"] for job in found] == [failed]
    walked = installation.walk("admin", JOBS, limit=2)
    assert [job["id"] for job in walked] == [*reversed(queued), failed]
    installation.refuse("admin", "GET", f"{JOBS}?cursor=!", 422)


def test_a_job_tells_how_far_it_is_and_why_it_failed_but_not_what_it_was_given(installation: Installation) -> None:
    number = queue_for(installation, None, "secret argument")
    with installation.database.transaction() as session:
        run = session.scalars(select(JobRun)).one()
        run.progress, run.progress_note, run.error = 0.25, "a quarter", "ValueError: bad"
    shown = installation.call("admin", "GET", f"{JOBS}/{number}")
    assert (shown["progress"], shown["progress_note"], shown["error"]) == (0.25, "a quarter", "ValueError: bad")
    assert "secret argument" not in str(shown)


def test_a_failed_job_is_queued_again_by_administrators_only(installation: Installation) -> None:
    number = queue_for(installation, "tester", "a", state="failed")
    installation.refuse("tester", "POST", f"{JOBS}/{number}/retry", 403)
    assert installation.call("admin", "POST", f"{JOBS}/{number}/retry")["state"] == "queued"
    installation.refuse("admin", "POST", f"{JOBS}/{number}/retry", 409)

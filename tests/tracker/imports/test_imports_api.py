from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from bugflow.core.clock import utc_now
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.tables import JobRun
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage, open_storage
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.imports.jobs import delete_old_import_files
from bugflow.tracker.imports.schemas import SourceName
from bugflow.tracker.imports.sources import READERS
from bugflow.tracker.imports.tables import ImportRun
from bugflow.tracker.projects.service import create_project
from bugflow.worker import collect_jobs
from factories.app import Installation
from factories.exports import github_comment, github_issue, jira_issue, jira_search, to_bytes

IMPORTS = "/api/v1/imports"
MANAGER = "project_manager"
GITHUB = (to_bytes([github_issue()]), to_bytes([github_comment()]))


def settings_of(installation: Installation) -> Settings:
    found: Settings = installation.client.app.state.settings  # type: ignore[attr-defined]
    return found


def storage_of(installation: Installation) -> Storage:
    return open_storage(settings_of(installation).resolved_storage_url)


def work(installation: Installation) -> None:
    MemoryRunner(installation.database, collect_jobs(settings_of(installation))).run_pending()


def parts(*files: bytes, users: bytes | None = None) -> list[tuple[str, tuple[str, bytes]]]:
    sent = [("files", (f"part-{number}.json", content)) for number, content in enumerate(files)]
    return sent if users is None else [*sent, ("users", ("users.csv", users))]


def send(
    installation: Installation, *files: bytes, role: str = MANAGER, users: bytes | None = None, **form: str
) -> dict[str, Any]:
    form.setdefault("source", "github")
    sent: dict[str, Any] = installation.call(role, "POST", IMPORTS, data=form, files=parts(*files, users=users))
    return sent


def bring(installation: Installation, *files: bytes, **form: Any) -> dict[str, Any]:  # noqa: ANN401 -- A form's fields.
    sent = send(installation, *files, **form)
    work(installation)
    done: dict[str, Any] = installation.call(form.get("role", MANAGER), "GET", f"{IMPORTS}/{sent['id']}")
    return done


def secret_issue(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    return jira_issue("SEC-1", project={"key": "SEC", "name": "Secret"}, **fields)


def test_files_are_imported_in_the_background(installation: Installation) -> None:
    sent = send(installation, *GITHUB)
    assert (sent["state"], sent["progress"], sent["report"], sent["finished_at"]) == ("queued", 0.0, None, None)
    assert [each["name"] for each in sent["files"]] == ["part-0.json", "part-1.json"]
    assert sent["files"][0]["size_bytes"] == len(GITHUB[0])
    job = installation.call(MANAGER, "GET", f"/api/v1/jobs/{sent['job']}")
    assert (job["id"], job["state"]) == (sent["job"], "queued")
    work(installation)
    done = installation.call(MANAGER, "GET", f"{IMPORTS}/{sent['id']}")
    assert (done["state"], done["progress"], done["error"]) == ("succeeded", 1.0, None)
    assert done["requested_by"] == "Project Manager"
    assert (done["report"]["new_issues"], done["report"]["new_comments"]) == (1, 1)
    assert installation.call("tester", "GET", "/api/v1/issues/ROCKET-7")["title"] == "Engine stalls"


def test_a_dry_run_is_done_in_earnest_without_sending_the_files_again_and_once(installation: Installation) -> None:
    planned = bring(installation, *GITHUB, dry_run="true", project="web")
    assert (planned["dry_run"], planned["project"], planned["report"]["new_issues"]) == (True, "WEB", 1)
    installation.refuse("tester", "GET", "/api/v1/issues/WEB-7", 404)
    run = f"{IMPORTS}/{planned['id']}/run"
    first, second = (installation.call(MANAGER, "POST", run) for _ in range(2))
    assert first["id"] == second["id"] != planned["id"]
    assert (first["dry_run"], first["files"]) == (False, planned["files"])
    work(installation)
    assert installation.call(MANAGER, "POST", run)["state"] == "succeeded"
    assert installation.call("tester", "GET", "/api/v1/issues/WEB-7")["comment_count"] == 1
    refused = installation.refuse(MANAGER, "POST", f"{IMPORTS}/{first['id']}/run", 409)
    assert "no dry run that has succeeded" in refused["detail"]


def test_two_clicks_at_once_start_one_import(installation: Installation) -> None:
    planned = bring(installation, *GITHUB, dry_run="true")
    headers = installation.sign_in(MANAGER)
    with ThreadPoolExecutor(6) as clicks:
        answers = clicks.map(
            lambda _: installation.client.post(f"{IMPORTS}/{planned['id']}/run", headers=headers).json(), range(6)
        )
        assert len({answer["id"] for answer in answers}) == 1
    assert len(installation.call(MANAGER, "GET", IMPORTS)["items"]) == 2


def test_a_second_import_changes_nothing(installation: Installation) -> None:
    bring(installation, *GITHUB)
    again = bring(installation, *GITHUB)["report"]
    assert (again["new_issues"], again["unchanged_issues"], again["new_comments"], again["new_users"]) == (0, 1, 0, 0)


def test_people_are_mapped_and_a_bad_mapping_is_refused_at_once(installation: Installation) -> None:
    bring(installation, *GITHUB, users=b"login,email\nsomeone,developer@example.com\n")
    assert installation.call("tester", "GET", "/api/v1/issues/ROCKET-7")["reporter"]["name"] == "Developer"
    body = {"data": {"source": "github"}, "files": parts(*GITHUB, users=b"someone\n")}
    assert "two columns" in installation.refuse(MANAGER, "POST", IMPORTS, 422, **body)["detail"]
    stranger = bring(installation, *GITHUB, users=b"someone,stranger@example.com\n")
    assert (stranger["state"], stranger["report"]) == ("failed", None)
    assert "no account here has the address stranger@example.com" in stranger["error"]


def test_a_file_that_is_no_export_fails_once_and_says_why(installation: Installation) -> None:
    failed = bring(installation, b"\x00 not json")
    assert failed["state"] == "failed"
    assert "This is not a GitHub export that BugFlow reads" in failed["error"]
    job = installation.call("admin", "GET", f"/api/v1/jobs/{failed['job']}")
    assert (job["state"], job["attempts"], job["error"]) == ("failed", 1, failed["error"])
    planned = bring(installation, b"{}", source="jira", dry_run="true")
    assert planned["state"] == "failed"
    installation.refuse(MANAGER, "POST", f"{IMPORTS}/{planned['id']}/run", 409)


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ({"source": "mantis"}, parts(*GITHUB)),
        ({}, parts(*GITHUB)),
        ({"source": "github"}, []),
        ({"source": "github", "dry_run": "perhaps"}, parts(*GITHUB)),
        ({"source": "github", "project": "x" * 121}, parts(*GITHUB)),
        ({"source": "github"}, parts(*[b"[]"] * 101)),
    ],
)
def test_a_bad_form_is_refused_and_nothing_is_kept(
    installation: Installation, form: dict[str, str], files: list[tuple[str, tuple[str, bytes]]]
) -> None:
    installation.refuse(MANAGER, "POST", IMPORTS, 422, data=form, files=files)
    assert list(storage_of(installation).list_keys()) == []
    assert installation.call(MANAGER, "GET", IMPORTS)["items"] == []


def test_every_tracker_that_is_read_can_be_named() -> None:
    assert set(get_args(SourceName)) == set(READERS)


def test_only_those_who_may_import_do_and_see_their_own(installation: Installation) -> None:
    for role in ("tester", "developer"):
        installation.refuse(role, "POST", IMPORTS, 403, data={"source": "github"}, files=parts(*GITHUB))
        installation.refuse(role, "GET", IMPORTS, 403)
    assert list(storage_of(installation).list_keys()) == []
    mine, theirs = send(installation, *GITHUB), send(installation, *GITHUB, role="admin")
    assert [each["id"] for each in installation.call(MANAGER, "GET", IMPORTS)["items"]] == [mine["id"]]
    assert [each["id"] for each in installation.walk("admin", IMPORTS, limit=1)] == [theirs["id"], mine["id"]]
    installation.refuse(MANAGER, "GET", f"{IMPORTS}/{theirs['id']}", 404)
    installation.refuse(MANAGER, "POST", f"{IMPORTS}/{theirs['id']}/run", 404)
    installation.refuse("admin", "GET", f"{IMPORTS}/{uuid4()}", 404)


def test_an_import_does_not_reach_into_projects_that_its_requester_may_not_see(installation: Installation) -> None:
    export = jira_search(secret_issue(), jira_issue("ROC-1"))
    secret = {"key": "SEC", "name": "Secret", "visibility": "private"}
    installation.call("admin", "POST", "/api/v1/projects", json=secret)
    for dry_run in ("true", "false"):
        report = bring(installation, export, source="jira", dry_run=dry_run)["report"]
        left = {each["what"]: each["examples"] for each in report["not_carried"]}
        assert report["new_issues"] == 1
        assert left["issues of projects that are archived here, or that you may not see"] == ["SEC-1"]
    assert bring(installation, export, source="jira", role="admin")["report"]["new_issues"] == 1
    link = {"type": {"name": "Blocks"}, "outwardIssue": {"key": "SEC-1"}}
    changed = jira_search(secret_issue(summary="Mine"), jira_issue("ROC-1", issuelinks=[link]), jira_issue("SEC-2"))
    report = bring(installation, changed, source="jira")["report"]
    assert (report["new_issues"], report["changed_issues"], report["new_relations"]) == (0, 1, 0)
    assert installation.call("admin", "GET", "/api/v1/issues/SEC-1")["title"] == "Engine stalls"


def test_an_issue_that_moved_out_of_sight_is_left_alone_until_it_is_back(installation: Installation) -> None:
    bring(installation, jira_search(jira_issue("ROC-1")), source="jira")
    installation.call("admin", "PATCH", "/api/v1/projects/ROC", json={"archived": True})
    changed = jira_search(jira_issue("ROC-1", summary="Later"))
    assert bring(installation, changed, source="jira")["report"]["changed_issues"] == 0
    installation.call("admin", "PATCH", "/api/v1/projects/ROC", json={"archived": False})
    assert bring(installation, changed, source="jira")["report"]["changed_issues"] == 1
    assert installation.call("admin", "GET", "/api/v1/issues/ROC-1")["title"] == "Later"


def test_an_api_token_imports_with_no_more_rights_than_it_has(installation: Installation) -> None:
    with installation.database.transaction() as session:
        system = build_system_actor("cli")
        create_project(session, key="SEC", name="Secret", visibility="private", actor=system, now=utc_now())
    made = {"name": "ci", "scopes": ["read", "write"]}
    token = installation.call("admin", "POST", "/api/v1/users/me/tokens", json=made)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    sent = installation.client.post(
        IMPORTS, headers=headers, data={"source": "jira"}, files=parts(jira_search(secret_issue()))
    )
    work(installation)
    done = installation.client.get(f"{IMPORTS}/{sent.json()['id']}", headers=headers).json()
    assert (done["state"], done["report"]["new_issues"]) == ("succeeded", 0)


def test_who_was_deactivated_meanwhile_imports_nothing(installation: Installation) -> None:
    sent = send(installation, *GITHUB)
    with installation.database.transaction() as session:
        session.execute(update(User).where(User.email == f"{MANAGER}@example.com").values(is_active=False))
    work(installation)
    done = installation.call("admin", "GET", f"{IMPORTS}/{sent['id']}")
    assert done["state"] == "failed"
    assert "has been deactivated" in done["error"]


def test_files_are_deleted_when_they_are_old_and_done(installation: Installation) -> None:
    storage = storage_of(installation)
    planned, waiting = bring(installation, *GITHUB, dry_run="true"), send(installation, *GITHUB)
    with installation.database.transaction() as session:
        for run in session.scalars(select(ImportRun)):
            old = f"imports/2020-01-01-{run.uuid.hex}"
            for number in (1, 2):
                content = list(storage.read(f"{run.files_key}/{number}"))
                storage.delete(f"{run.files_key}/{number}")
                storage.put(f"{old}/{number}", BytesIO(b"".join(content)))
            run.files_key = old
    young = send(installation, *GITHUB)
    delete_old_import_files(installation.database, storage)
    kept = {key.rsplit("/", 1)[0] for key in storage.list_keys()}
    with installation.database.snapshot() as session:
        wanted = select(ImportRun.files_key).where(ImportRun.uuid != UUID(planned["id"]))
        assert kept == set(session.scalars(wanted))
    gone = installation.refuse(MANAGER, "POST", f"{IMPORTS}/{planned['id']}/run", 404)
    assert "kept for 7 days" in gone["detail"]
    work(installation)
    for each in (waiting, young):
        assert installation.call(MANAGER, "GET", f"{IMPORTS}/{each['id']}")["state"] == "succeeded"


def test_an_import_whose_job_was_forgotten_says_so(installation: Installation) -> None:
    sent = send(installation, *GITHUB)
    with installation.database.transaction() as session:
        session.delete(session.scalars(select(JobRun).where(JobRun.uuid == UUID(sent["job"]))).one())
    shown = installation.call(MANAGER, "GET", f"{IMPORTS}/{sent['id']}")
    assert (shown["state"], shown["error"]) == (
        "failed",
        "Its job was forgotten before it was finished. Import the files again.",
    )


def test_an_import_done_again_by_its_job_writes_its_report_once(installation: Installation) -> None:
    done = bring(installation, *GITHUB)
    with installation.database.transaction() as session:
        run = session.scalars(select(JobRun).where(JobRun.uuid == UUID(done["job"]))).one()
        run.state, run.due_at = "queued", utc_now() - timedelta(seconds=1)
    work(installation)
    assert installation.call(MANAGER, "GET", f"{IMPORTS}/{done['id']}") == done


def test_the_audit_log_names_who_imported_what(installation: Installation) -> None:
    sent = bring(installation, *GITHUB)
    entries = installation.call("admin", "GET", "/api/v1/audit")["items"]
    requested = next(each for each in entries if each["action"] == "import.requested")
    finished = next(each for each in entries if each["action"] == "import.finished")
    assert requested["subject_id"] == sent["id"]
    assert (requested["actor_name"], finished["actor_name"]) == ("Project Manager", "Project Manager")
    assert finished["after"]["new_issues"] == 1

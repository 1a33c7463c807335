import io
from typing import Any

import pytest

from bugflow.core.jobs.runners import MemoryRunner
from bugflow.worker import collect_jobs
from factories.app import Installation
from factories.browser import Browser

ISSUES = "/api/v1/issues"


def report(installation: Installation, role: str = "tester", **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": "It breaks"} | fields
    key: str = installation.call(role, "POST", ISSUES, json=body)["key"]
    return key


def merge(installation: Installation, source: str, target: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    answer: dict[str, Any] = installation.call(
        "project_manager", "POST", f"{ISSUES}/{source}/merge", json={"into": target} | body
    )
    return answer


def inbox(installation: Installation, role: str) -> list[str]:
    MemoryRunner(installation.database, collect_jobs(installation.settings)).run_pending()
    items = installation.call(role, "GET", "/api/v1/notifications")["items"]
    return [each["summary"] for each in items]


def test_an_issue_is_merged_shown_with_its_cluster_and_unmerged(installation: Installation) -> None:
    first, second, third = (report(installation) for _ in range(3))
    merge(installation, third, second)
    shown = merge(installation, second, first)
    assert shown["canonical"]["issue"] == first
    assert [each["issue"] for each in shown["duplicates"]] == [second, third]
    for key in (first, second, third):
        assert installation.call("tester", "GET", f"{ISSUES}/{key}/duplicates") == shown
    done = installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    assert (done["was_duplicate_of"], done["restored"], done["issue"]["status"]) == (first, True, "open")
    left = installation.call("tester", "GET", f"{ISSUES}/{third}/duplicates")
    assert (left["canonical"]["issue"], [each["issue"] for each in left["duplicates"]]) == (second, [third])


def test_unmerging_says_that_a_newer_choice_stays(installation: Installation) -> None:
    first, second = report(installation), report(installation)
    merge(installation, second, first)
    installation.call("project_manager", "PATCH", f"{ISSUES}/{second}", json={"status": "open"})
    done = installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    assert (done["restored"], done["issue"]["status"]) == (False, "open")
    assert "stay as they are" in done["note"]


def test_what_cannot_be_is_answered_by_the_kind_of_problem_it_is(installation: Installation) -> None:
    first, second, third = (report(installation) for _ in range(3))
    hidden = report(installation, "project_manager", restricted=True)
    newer = installation.refuse("project_manager", "POST", f"{ISSUES}/{first}/merge", 409, json={"into": second})
    assert newer["detail"] == f"{second} is newer than {first}. Merge {second} into {first} instead."
    for role, path, status, body in (
        ("project_manager", f"{first}/merge", 422, {"into": first}),
        ("project_manager", f"{first}/merge", 404, {"into": "WEB-99"}),
        ("developer", f"{first}/merge", 404, {"into": hidden}),
        ("developer", f"{hidden}/merge", 404, {"into": first}),
        ("developer", f"{hidden}/unmerge", 404, None),
        ("project_manager", f"{first}/unmerge", 409, None),
        ("tester", f"{second}/merge", 403, {"into": first}),
        ("project_manager", f"{second}/merge", 422, {"into": first, "evidence": {"probability": 1.2}}),
        ("project_manager", f"{second}/merge", 422, {"into": first, "evidence": {"model_version": "\0"}}),
        ("project_manager", f"{second}/merge", 422, {"into": first, "evidence": {"mood": "good"}}),
        ("project_manager", f"{first}/not-duplicates", 422, {"other": first}),
        ("developer", f"{first}/not-duplicates", 404, {"other": hidden}),
    ):
        installation.refuse(role, "POST", f"{ISSUES}/{path}", status, json=body)
    merge(installation, third, first)
    again = installation.refuse("project_manager", "POST", f"{ISSUES}/{third}/merge", 409, json={"into": second})
    assert again["detail"] == f"{third} is already a duplicate of {first}. Unmerge it first."
    merged = installation.refuse(
        "project_manager", "POST", f"{ISSUES}/{third}/not-duplicates", 409, json={"other": first}
    )
    assert merged["detail"].startswith(f"{third} and {first} are merged.")


def test_a_rejected_pair_is_shown_from_both_sides_until_it_is_withdrawn(installation: Installation) -> None:
    first, second = report(installation), report(installation)
    for _ in range(2):
        installation.call("developer", "POST", f"{ISSUES}/{first}/not-duplicates", json={"other": second})
    for key, other in ((first, second), (second, first)):
        [shown] = installation.call("tester", "GET", f"{ISSUES}/{key}/duplicates")["not_duplicates"]
        assert shown["issue"] == other
    installation.refuse("tester", "DELETE", f"{ISSUES}/{first}/not-duplicates/{second}", 403)
    installation.call("developer", "DELETE", f"{ISSUES}/{second}/not-duplicates/{first}")
    assert installation.call("tester", "GET", f"{ISSUES}/{first}/duplicates")["not_duplicates"] == []
    installation.refuse("developer", "DELETE", f"{ISSUES}/{second}/not-duplicates/{first}", 404)


def test_the_history_says_who_decided_what_on_which_evidence(installation: Installation) -> None:
    first, second = report(installation), report(installation)
    evidence = {
        "probability": 0.93,
        "reasons": [{"kind": "frame", "what": "Cart.total", "weight": 2.5}],
        "model_version": "duplicates/1.0.0",
    }
    installation.call(
        "developer", "POST", f"{ISSUES}/{second}/not-duplicates", json={"other": first, "evidence": evidence}
    )
    merge(installation, second, first)
    installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    rows = installation.call("tester", "GET", f"{ISSUES}/{first}/duplicates/history")
    assert [(row["verdict"], row["source"], row["target"], row["canonical"]) for row in rows] == [
        ("rejected", second, first, None),
        ("merged", second, first, first),
        ("unmerged", second, first, first),
    ]
    assert rows[0]["evidence"]["model_version"] == "duplicates/1.0.0"
    assert (rows[0]["author"]["name"], rows[0]["author_role"], rows[1]["evidence"]) == ("Developer", "developer", {})
    following = installation.call(
        "tester", "GET", f"{ISSUES}/{second}/duplicates/history?limit=1&after={rows[0]['id']}"
    )
    assert following == [rows[1]]


def test_a_restricted_duplicate_is_invisible_to_those_who_may_not_see_it(installation: Installation) -> None:
    public, open_one = report(installation), report(installation)
    secret = report(installation, "project_manager", restricted=True, title="Secret hole")
    installation.call("project_manager", "POST", f"{ISSUES}/{secret}/comments", json={"body": "Secret words"})
    files = {"file": ("secret.txt", io.BytesIO(b"secret"))}
    installation.call("project_manager", "POST", f"{ISSUES}/{secret}/attachments", files=files)
    installation.call("project_manager", "POST", f"{ISSUES}/{open_one}/not-duplicates", json={"other": secret})
    merge(installation, secret, public)
    merge(installation, open_one, public)
    paths = ("duplicates", "duplicates/history", "comments?duplicates=true", "attachments?duplicates=true", "relations")
    for path in (*paths, "history", ""):
        for key in (public, open_one):
            seen = installation.client.get(f"{ISSUES}/{key}/{path}".rstrip("/"), headers=installation.sign_in("tester"))
            assert seen.status_code == 200
            assert "ecret" not in seen.text
            assert secret not in seen.text
    whole = installation.call("project_manager", "GET", f"{ISSUES}/{public}/duplicates")
    assert [each["issue"] for each in whole["duplicates"]] == [open_one, secret]
    assert all(secret not in each and "ecret" not in each for each in inbox(installation, "tester"))


def test_of_a_hidden_canonical_issue_nothing_is_told(installation: Installation) -> None:
    secret = report(installation, "project_manager", restricted=True)
    second, third = report(installation), report(installation)
    merge(installation, second, secret)
    merge(installation, third, secret)
    shown = installation.call("tester", "GET", f"{ISSUES}/{second}/duplicates")
    assert shown == {"canonical": None, "duplicates": [], "not_duplicates": []}
    assert installation.call("tester", "GET", f"{ISSUES}/{second}/duplicates/history") == []
    last = installation.call("tester", "GET", f"{ISSUES}/{second}/history")[-1]
    assert (last["field"], last["new"]) == ("duplicate_of", "an issue that you may not see")
    page = Browser(installation, "tester").get(f"/issues/{second}").text
    assert secret not in page
    assert "an issue that you may not see" in page
    whole = installation.call("project_manager", "GET", f"{ISSUES}/{second}/history")[-1]
    assert whole["new"] == secret
    done = installation.call("developer", "POST", f"{ISSUES}/{second}/unmerge")
    assert (done["was_duplicate_of"], done["restored"]) == (None, True)


def test_comments_and_files_of_duplicates_are_read_where_they_were_merged_into_and_stay_where_they_are(
    installation: Installation,
) -> None:
    first, second = report(installation), report(installation)
    for key in (second, first):
        installation.call("developer", "POST", f"{ISSUES}/{key}/comments", json={"body": f"On {key}"})
        files = {"file": ("log.txt", io.BytesIO(key.encode()))}
        installation.call("developer", "POST", f"{ISSUES}/{key}/attachments", files=files)
    merge(installation, second, first)
    installation.call("tester", "POST", f"{ISSUES}/{second}/comments", json={"body": f"Later on {second}"})
    together = installation.call("tester", "GET", f"{ISSUES}/{first}/comments?duplicates=true")
    assert [(each["issue"], each["body"]) for each in together] == [
        (second, f"On {second}"),
        (first, f"On {first}"),
        (second, f"Later on {second}"),
    ]
    paged = installation.call(
        "tester", "GET", f"{ISSUES}/{first}/comments?duplicates=true&limit=1&after={together[0]['id']}"
    )
    assert paged == [together[1]]
    files = installation.call("tester", "GET", f"{ISSUES}/{first}/attachments?duplicates=true")
    assert [each["issue"] for each in files] == [second, first]
    for path in ("comments", "attachments"):
        assert {each["issue"] for each in installation.call("tester", "GET", f"{ISSUES}/{first}/{path}")} == {first}
    installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    alone = installation.call("tester", "GET", f"{ISSUES}/{first}/comments?duplicates=true")
    assert [each["issue"] for each in alone] == [first]
    assert len(installation.call("tester", "GET", f"{ISSUES}/{second}/comments")) == 2


def test_who_follows_a_duplicate_is_told_of_what_happens_to_the_issue_it_was_merged_into(
    installation: Installation,
) -> None:
    first, second = report(installation), report(installation, "developer")
    merge(installation, second, first)
    installation.call("project_manager", "POST", f"{ISSUES}/{first}/comments", json={"body": "Found it."})
    assert inbox(installation, "developer") == [
        f"{first}: Found it.",
        f"{second}: status, resolution, duplicate of changed",
    ]
    installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    installation.call("project_manager", "POST", f"{ISSUES}/{first}/comments", json={"body": "Fixed."})
    assert f"{first}: Fixed." not in inbox(installation, "developer")


def test_who_follows_a_duplicate_is_told_nothing_of_a_target_they_may_not_see(installation: Installation) -> None:
    first = report(installation, "project_manager", restricted=True, title="Secret hole")
    second = report(installation, "developer")
    merge(installation, second, first)
    installation.call("admin", "POST", f"{ISSUES}/{first}/comments", json={"body": "Secret words"})
    assert all("ecret" not in each for each in inbox(installation, "developer"))


def test_who_follows_the_target_is_told_of_merge_and_unmerge_once(installation: Installation) -> None:
    first, second = report(installation), report(installation, "developer")
    installation.call("admin", "PUT", f"{ISSUES}/{first}/watch")
    installation.call("admin", "PUT", f"{ISSUES}/{second}/watch")
    merge(installation, second, first)
    installation.call("project_manager", "POST", f"{ISSUES}/{second}/unmerge")
    assert inbox(installation, "tester") == [
        f"{first}: {second} is no longer a duplicate of this",
        f"{first}: {second} is now a duplicate of this",
    ]
    assert inbox(installation, "admin") == [f"{second}: status, resolution, duplicate of changed"] * 2


@pytest.mark.parametrize("role", ["tester", "developer", "project_manager", "admin"])
def test_each_role_merges_what_it_may(installation: Installation, role: str) -> None:
    people = {each["name"]: each["id"] for each in installation.call("admin", "GET", "/api/v1/users")["items"]}
    first = report(installation, role)
    own = report(installation, role)
    nobodys = report(installation, "admin")
    theirs = report(installation, "admin", assignee=people["Admin"])
    statuses = []
    for key in (own, nobodys, theirs):
        answer = installation.client.post(
            f"{ISSUES}/{key}/merge", json={"into": first}, headers=installation.sign_in(role)
        )
        statuses.append(answer.status_code)
    assert statuses == {"tester": [403, 403, 403], "developer": [200, 200, 403]}.get(role, [200, 200, 200])

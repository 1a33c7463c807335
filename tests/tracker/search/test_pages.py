import re

from factories.app import Installation
from factories.browser import Browser, field_value


def report(installation: Installation, title: str) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": title})


def titles(page: str) -> list[str]:
    return re.findall(r'<a href="/issues/WEB-\d+">([^<]*)</a>', page)


def test_the_start_page_is_the_list_of_open_issues(installation: Installation) -> None:
    report(installation, "First")
    report(installation, "Second")
    installation.call("project_manager", "PATCH", "/api/v1/issues/1", json={"status": "closed"})
    browser = Browser(installation, "tester")
    assert browser.get("/").headers["location"] == "/issues"
    page = browser.get("/issues").text
    assert titles(page) == ["Second"]
    assert field_value(page, "q") in {"", "is:open"}
    assert titles(browser.get("/issues?q=").text) == ["First", "Second"]


def test_a_query_that_cannot_be_read_is_explained_beside_it(installation: Installation) -> None:
    page = Browser(installation, "tester").get('/issues?q=colour:<b>"')
    assert page.status_code == 422
    assert 'aria-describedby="problem query-help"' in page.text
    assert 'id="problem" role="alert"' in page.text
    assert "<b>" not in page.text.split("<main")[1].split("</form>")[0]
    assert 'value="colour:&lt;b&gt;&#34;"' in page.text


def test_pages_lead_through_a_long_list(installation: Installation) -> None:
    for number in range(53):
        report(installation, f"Issue {number}")
    browser = Browser(installation, "tester")
    first = browser.get("/issues").text
    assert len(titles(first)) == 50
    following = first.split('rel="next"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    second = browser.get(following).text
    assert len(titles(second)) == 3
    assert not set(titles(first)) & set(titles(second))
    assert "Back to the first page" in second
    assert "Next page" not in second
    assert browser.get("/issues?cursor=nonsense").status_code == 422


def test_an_empty_list_says_what_to_do(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    assert "Report the first bug" in browser.get("/issues?q=").text
    assert "No issue fits this query." in browser.get("/issues?q=nothing").text


def test_a_query_is_kept_and_forgotten(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    assert browser.submit("/searches", name="Mine & ours", query="team:Backend").status_code == 303
    page = browser.get("/issues").text
    assert "</svg> Mine &amp; ours</a>" in re.sub(r"\s+", " ", page)
    again = browser.submit("/searches", name="Mine & ours", query="x")
    assert again.status_code == 409
    assert field_value(again.text, "name") == "Mine & ours"
    assert browser.get("/searches").headers["location"] == "/issues"
    address = page.split('action="/searches/')[1].split('"')[0]
    browser.submit(f"/searches/{address}")
    assert "Mine &amp; ours" not in browser.get("/issues").text
    assert "Mine &amp; ours" not in Browser(installation, "developer").get("/issues").text


def test_the_number_of_comments_needs_no_special_font(installation: Installation) -> None:
    report(installation, "Discussed")
    for body in ("One", "Two"):
        installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": body})
    page = Browser(installation, "tester").get("/issues").text
    count = page.split('<span class="count">')[1].split("</li>")[0]
    assert re.sub(r"<[^>]*>|\s", "", count.split('<span class="when">')[0]) == "2comments"
    assert "<svg" in count
    assert max(map(ord, page)) < 0x2600

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.web.markdown import LONGEST, Link, find_references, render_markdown

LINKS = {
    name: Link(f"/at/{number}", title='a "title" <b>')
    for number, name in enumerate(("#7", "WEB-7", "@ann", "@ann.b@example.com", "@a_b_c"))
}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("See #7, WEB-7 and @ann.", "<p>See #7, WEB-7 and @ann.</p>\n"),
        (
            "[#7](https://example.org)",
            '<p><a href="https://example.org" rel="nofollow noopener noreferrer">#7</a></p>\n',
        ),
        (
            "![shot](https://x.example/a.png)",
            '<p><a href="https://x.example/a.png" rel="nofollow noopener noreferrer">shot</a></p>\n',
        ),
        ("1 < 2 && 3 > 2", "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>\n"),
    ],
)
def test_markdown_reads_as_people_mean_it(text: str, html: str) -> None:
    assert render_markdown(text) == html


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("See #7.", ["#7"]),
        ("(WEB-7), **#7** _WEB-7_", ["WEB-7", "#7", "WEB-7"]),
        ("WEB-70, XWEB-7, WEB-7b, web-7, WEB_7, /WEB-7, a#7, ##7, #7a, #fff, &#7;", []),
        ("`#7` and `WEB-7`\n\n    WEB-7\n\n```\n@ann\n```", []),
        ("[#7](https://example.org) <https://example.org/#7>", []),
        ("ask @ann. Or @ann.b@example.com, or @a_b_c!", ["@ann", "@ann.b@example.com", "@a_b_c"]),
        ("mail ann@ann, x@ann.b@example.com, @anna, @@ann, #8, UTF-8", []),
        ("- WEB-7\n\n> @ann\n\n| a |\n|---|\n| #7 |", ["WEB-7", "@ann", "#7"]),
    ],
)
def test_references_become_the_links_that_are_given(text: str, linked: list[str]) -> None:
    html = render_markdown(text, LINKS)
    found = re.findall(r'<a href="/at/\d" title="a &quot;title&quot; &lt;b&gt;" rel="[^"]*">([^<]*)</a>', html)
    assert found == linked
    assert html.count("/at/") == len(linked)
    assert "<b>" not in html


@given(st.text(alphabet="WEB-7#@ann.b \n`*_[]()<>\\&", max_size=80))
def test_whatever_becomes_a_link_was_found_before(text: str) -> None:
    links = {name: Link("/found") for name in find_references([text], limit=1000)}
    everything = {name: Link("/missed") for name in ("WEB-7", "WEB-77", "#7", "#77", "@ann", "@b", "@a", "@nn")}
    assert "/missed" not in render_markdown(text, everything | links)


def test_references_are_found_once_and_not_without_end() -> None:
    assert find_references(["WEB-1 @ann", "#2 WEB-1", "#3"], limit=3) == ["WEB-1", "@ann", "#2"]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "![x](javascript:alert(1))",
        '![x"onerror="alert(1)](https://x.example/y)',
        '[x](https://x.example "a\\" onmouseover=\\"alert(1)")',
        "<iframe src=https://x.example></iframe>",
        "<style>*{display:none}</style>",
        "<p style='position:fixed'>x</p>",
        "<form action=https://x.example><input name=password>",
        "<base href=https://x.example>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "```<script>\nalert(1)\n```",
        '``` x" onclick="alert(1)\ncode\n```',
        '<https://x.example/" onclick="alert(1)>',
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_nothing_that_somebody_writes_can_run(attack: str) -> None:
    html = render_markdown(attack)
    for tag in re.findall(r"<[^>]*>", html):
        assert re.fullmatch(
            r"</?(?:p|br|hr|pre|code|em|strong|s|a|ul|ol|li|blockquote|h[1-6])"
            r'(?: (?:href="(?:https?:|mailto:|/)[^"]*"|rel="[^"]*"|title="[^"]*"|class="[^"]*"|tabindex="0"))*>',
            tag,
        ), tag


@given(st.text(max_size=300))
def test_any_text_becomes_html_of_allowed_tags(text: str) -> None:
    html = render_markdown(text)
    assert not re.search(
        r"<(?:script|style|iframe|img|svg|form|input|base|object|embed|link|meta)\b", html, re.IGNORECASE
    )
    assert not re.search(r"<[^>]*\son\w+\s*=", html)


def test_a_text_too_long_to_format_is_shown_as_it_is() -> None:
    html = render_markdown("*" * (LONGEST + 1))
    assert html.startswith("<pre>***")


def test_what_may_be_wider_than_the_page_is_scrolled_by_the_keyboard() -> None:
    html = render_markdown("```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert '<pre tabindex="0">' in html
    assert '<table tabindex="0">' in html

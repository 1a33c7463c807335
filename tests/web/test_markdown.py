import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.web.markdown import LONGEST, render_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("See #7.", '<p>See <a href="/issues/7" rel="nofollow noopener noreferrer">#7</a>.</p>\n'),
        ("colour #fff, a#7 and `#8`", "<p>colour #fff, a#7 and <code>#8</code></p>\n"),
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
            r'(?: (?:href="(?:https?:|mailto:|/)[^"]*"|rel="[^"]*"|title="[^"]*"|class="[^"]*"))*>',
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

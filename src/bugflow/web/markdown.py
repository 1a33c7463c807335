"""Markdown of people as HTML that cannot harm: CommonMark with tables and strikethrough, cleaned by an allow-list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

LONGEST = 300_000
"""Characters; anything longer is shown as it was written."""

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code"),
    *("em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}
WIDE = {tag: {"tabindex": "0"} for tag in ("pre", "table")}
"""What may be wider than the page is scrolled by the keyboard, too."""

SCHEMES = {"http", "https", "mailto"}
_PERSON = r"@[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*(?:@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})?"
_REFERENCE = rf"#\d{{1,9}}(?![\w])|[A-Z][A-Z0-9_]{{1,19}}-\d{{1,9}}(?!\w)|{_PERSON}"
REFERENCE = re.compile(rf"(?<![\w@#&/.-])(?:{_REFERENCE})")
CANDIDATE = re.compile(_REFERENCE)
"""`#7`, `WEB-7`, `@name` and `@name@example.com`; in a whole text, more than Markdown then makes links of."""


@dataclass(frozen=True)
class Link:
    """Where a reference leads; the title says what is there."""

    address: str
    title: str = ""


Links = Mapping[str, Link]


def find_references(texts: Iterable[str], *, limit: int) -> list[str]:
    """Return the first references in texts as they are written, each once; who knows them decides what is a link."""
    found: dict[str, None] = {}
    for text in texts:
        for match in CANDIDATE.finditer(text):
            found[match.group()] = None
            if len(found) == limit:
                return list(found)
    return list(found)


def render_markdown(text: str, links: Links | None = None) -> Markup:
    """Return HTML without scripts, styles or pictures; a picture becomes a link to it, so that no page calls out.

    References outside code become the links that are given for them; any other stays text.
    """
    if len(text) > LONGEST:
        return Markup("<pre>{}</pre>").format(text)
    html = _parser().render(text, {"links": links or {}})
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="nofollow noopener noreferrer",
        set_tag_attribute_values=WIDE,
    )
    return Markup(clean)  # noqa: S704 -- Cleaned by the allow-list.


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.core.ruler.push("issue_references", _link_references)
    parser.add_render_rule("image", _render_image_as_link)
    return parser


def _render_image_as_link(
    renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, object]
) -> str:
    token = tokens[index]
    address = str(token.attrs.get("src", ""))
    words = renderer.renderInlineAsText(token.children or [], options, env) or address
    return str(Markup('<a href="{}">{}</a>').format(address, words))


def _link_references(state: StateCore) -> None:
    links: Links = state.env["links"]
    if not links:
        return
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = _with_links(block.children, links)


def _with_links(tokens: list[Token], links: Links) -> list[Token]:
    made: list[Token] = []
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        made += _split(token.content, links) if token.type == "text" and depth == 0 else [token]
    return made


def _split(text: str, links: Links) -> list[Token]:
    made: list[Token] = []
    end = 0
    for found in REFERENCE.finditer(text):
        link = links.get(found.group())
        if link is None:
            continue
        attributes: dict[str, str | int | float] = {"href": link.address}
        if link.title:
            attributes["title"] = link.title
        made += [
            Token("text", "", 0, content=text[end : found.start()]),
            Token("link_open", "a", 1, attrs=attributes),
            Token("text", "", 0, content=found.group()),
            Token("link_close", "a", -1),
        ]
        end = found.end()
    return [*made, Token("text", "", 0, content=text[end:])]

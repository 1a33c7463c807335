"""Turns marked-up text into plain text: HTML, Markdown, Jira, Trac, addresses."""

import html
import re
import unicodedata

# Zero-width and direction marks, byte-order mark, soft hyphen, and controls but for tab and line feed.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_STRETCH = re.compile(r".{1,500}(?=\s)|.{1,500}", re.DOTALL)
"""Cut before white space where there is some: the library's sorting of combining marks takes quadratic time."""
_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|cite|code|dd|del|details|div|dl|dt|em|font|form|h[1-6]|head|hr|html|i|img"
    "|ins|kbd|li|mark|ol|p|pre|q|s|samp|small|span|strike|strong|style|sub|summary|sup|table|tbody|td|tfoot|th|thead"
    "|title|tr|tt|u|ul|var|input|button|label|script"
)
# Known names and proper attributes only: `a <b && c> d` and `List<String>` are no tags.
_TAG = re.compile(
    rf"<(?=[/a-z])/?(?:{_TAGS})(?![\w:-])"
    r"(?:\s++[\w:@.-]++(?:\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'<>]++))?+)*+\s*+/?>",
    re.IGNORECASE,
)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]{0,300}+)\]\([^()\s]{0,2000}+(?:\s\"[^\"\n]{0,200}+\")?\)")
_JIRA_LINK = re.compile(r"\[([^\[\]|\n]{1,300}+)\|[^\[\]|\s]{1,2000}+\]")
_TRAC_LINK = re.compile(
    r"\[(?:https?|ftp|mailto|wiki|ticket|attachment):[^\[\]\s]{1,2000}+(?:\s([^\[\]\n]{1,300}+))?\]"
)
_JIRA_MENTION = re.compile(r"\[~[^\[\]\n]{1,80}+\]")
_URL = re.compile(r"\b(?:https?|ftp|file|chrome|resource)://[^\s<>\"'()\[\]{}|]++|\bwww\.[^\s<>\"'()\[\]{}|]++")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++")
_JIRA_MARK = re.compile(
    r"\{(?:color|quote|panel|html|code|noformat|anchor|expand|section|column)(?::[^{}\n]{0,200}+)?\}|\{\{\{?|\}\}\}?"
)
_EMPHASIS = re.compile(r"[*_][*_]+|''+|``*|~~+")


def normalise(text: str) -> str:
    """Return the text in Unicode's form NFC with line feeds only and nothing invisible in it.

    Source: Unicode Standard Annex 15. Not NFKC, which would make another sign of `²` or `ﬁ`.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return _INVISIBLE.sub("", text) if not text.isprintable() else text
    stretches = _STRETCH.findall(_INVISIBLE.sub("", text))
    return "".join(unicodedata.normalize("NFC", stretch) for stretch in stretches)


def strip_markup(text: str) -> str:
    """Return the words of marked-up text: no tags, entities, addresses; of a link its text. Keeps the lines."""
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "[" in text:
        text = _JIRA_MENTION.sub("", _TRAC_LINK.sub(r"\1", _JIRA_LINK.sub(r"\1", _MARKDOWN_LINK.sub(r"\1", text))))
    if "://" in text or "www." in text:
        text = _URL.sub("", text)
    if "@" in text:
        text = _EMAIL.sub("", text)
    if "{" in text or "}" in text:
        text = _JIRA_MARK.sub(" ", text)
    text = _EMPHASIS.sub("", text)
    return html.unescape(text) if "&" in text else text


def collapse(text: str) -> str:
    """Return the text on one line, its words one space apart."""
    return " ".join(text.split())


def collapse_lines(text: str) -> str:
    """Return the lines that say something, their words one space apart."""
    return "\n".join(line for line in (" ".join(raw.split()) for raw in text.split("\n")) if line)

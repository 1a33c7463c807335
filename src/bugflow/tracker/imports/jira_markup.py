"""From Jira's notations to Markdown: wiki markup, and the documents of Jira Cloud."""

import re
from typing import Any

from bugflow.tracker.imports.parsing import iterate_records, mapping, text_of

_BLOCK = re.compile(r"\{(code|noformat)(?::([^}\n]*))?\}(.*?)\{\1\}", re.DOTALL)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\{(?:html|color|panel|anchor|quote)(?::[^}\n]*)?\}"), ""),
    (re.compile(r"^h([1-6])\.\s+", re.MULTILINE), r"H\1 "),
    (re.compile(r"^bq\.\s+", re.MULTILINE), "> "),
    (re.compile(r"\{\{([^}\n]+)\}\}"), r"`\1`"),
    (re.compile(r"\[([^\]|\n]+)\|([a-z]+://[^\]|\s]+)(?:\|[^\]\n]*)?\]"), r"[\1](\2)"),
    (re.compile(r"\[([a-z]+://[^\]|\s]+)\]"), r"<\1>"),
    (re.compile(r"\[~([^\]\n]+)\]"), r"@\1"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"**\1**"),
    (re.compile(r"^(\*+)\s+", re.MULTILINE), "- "),
    (re.compile(r"^#+\s+", re.MULTILINE), "1. "),
    (re.compile(r"!([^!|\s]+\.(?:png|jpe?g|gif))(?:\|[^!\n]*)?!", re.IGNORECASE), r"(picture \1)"),
)
_HEADING = re.compile(r"^H([1-6]) ", re.MULTILINE)
LANGUAGE = re.compile(r"[A-Za-z0-9+#-]{1,20}")


def to_markdown(value: object) -> str:
    """Return a Jira text as Markdown, whichever notation it has."""
    if isinstance(value, dict):
        return _document(value, 0).strip()
    text = text_of(value)
    parts, position = [], 0
    for block in _BLOCK.finditer(text):
        parts.append(_inline(text[position : block.start()]))
        parts.append(_fence(block.group(2) or "", block.group(3)))
        position = block.end()
    parts.append(_inline(text[position:]))
    return "".join(parts).strip()


def _inline(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _HEADING.sub(lambda found: "#" * int(found.group(1)) + " ", text)


def _fence(options: str, content: str) -> str:
    first = options.split("|", maxsplit=1)[0]
    language = first if LANGUAGE.fullmatch(first) else ""
    ticks = "```" if "```" not in content else "````"
    return f"\n{ticks}{language}\n{content.strip(chr(10))}\n{ticks}\n"


DEEPEST = 50


def _document(node: dict[str, Any], depth: int) -> str:
    if depth > DEEPEST:
        return ""
    attributes, kind = mapping(node.get("attrs")), text_of(node.get("type"))
    leaves = {"text": text_of(node.get("text")), "hardBreak": "\n", "mention": text_of(attributes.get("text"))}
    if kind in leaves:
        return leaves[kind]
    parts = [_document(each, depth + 1) for each in iterate_records(node.get("content"))]
    whole = "".join(parts)
    blocks = {
        "codeBlock": _fence(text_of(attributes.get("language")), whole),
        "heading": f"## {whole}\n\n",
        "bulletList": "".join(f"- {part.strip()}\n" for part in parts) + "\n",
        "orderedList": "".join(f"{number}. {part.strip()}\n" for number, part in enumerate(parts, start=1)) + "\n",
        "paragraph": f"{whole}\n\n",
    }
    return blocks.get(kind, whole)

"""Cleans the text of a bug report for learning: the reporter's words, code and stack traces, each apart."""

from dataclasses import dataclass, field

from bugflow.ml.blocks import split_blocks
from bugflow.ml.boilerplate import strip_boilerplate
from bugflow.ml.markup import collapse, collapse_lines, normalise, strip_markup
from bugflow.ml.traces import TraceLine, TraceReader

_LIST_MARKS = ("-", "*", "+", "#")


@dataclass(frozen=True, slots=True)
class CleanText:
    """A report's text by kind; each part may be empty, lines are divided by line feeds."""

    title: str
    prose: str
    """The reporter's sentences, and the message of each exception."""
    code: str
    traces: str


@dataclass(slots=True)
class _Parts:
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)


def clean_report(title: str, description: str) -> CleanText:
    """Take a report's text apart and leave out markup, addresses, templates and quoted replies.

    Time and memory are linear in the length. The same text gives the same result, and no text is refused.
    """
    parts = _Parts()
    reader = TraceReader()
    for is_code, piece in split_blocks(normalise(description)):
        if is_code:
            _read_code(piece, reader, parts)
        else:
            _read_prose(piece, reader, parts)
    return CleanText(
        title=collapse(strip_markup(normalise(title))),
        prose=collapse_lines(strip_markup("\n".join(parts.prose))),
        code="\n".join(parts.code),
        traces="\n".join(parts.traces),
    )


def is_long_enough(text: CleanText, least: int = 20) -> bool:
    """Tell whether title and prose together have so many characters (at least 0) that a model can learn from them."""
    return len(text.title) + len(text.prose) >= least


def _read_code(piece: str, reader: TraceReader, parts: _Parts) -> None:
    for line in piece.split("\n"):
        if line and not line.isspace() and not _read_trace(line, reader, parts):
            parts.code.append(line.rstrip())


def _read_prose(piece: str, reader: TraceReader, parts: _Parts) -> None:
    after_blank = in_code = in_list = False
    for line in piece.split("\n"):
        words = line.strip()
        if not words:
            after_blank = True
            continue
        indented = line.startswith(("    ", "\t"))
        in_code = indented and (in_code or (after_blank and not in_list))
        if not _read_trace(line, reader, parts):
            if in_code:
                parts.code.append(line.rstrip())
            else:
                parts.prose.append(strip_boilerplate(line))
                in_list = _is_list_item(words) or (in_list and indented)
        after_blank = False


def _read_trace(line: str, reader: TraceReader, parts: _Parts) -> bool:
    kind, logged = reader.read_line(line)
    if kind is TraceLine.NONE:
        return False
    parts.traces.append(line.strip())
    if kind is TraceLine.MESSAGE:
        parts.prose.append(logged)
    return True


def _is_list_item(words: str) -> bool:
    """An indented line below one goes on with it and is no code."""
    return words.startswith(_LIST_MARKS) or (
        words[0].isdigit() and words[1:3].strip("0123456789").startswith((".", ")"))
    )

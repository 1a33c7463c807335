import json
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_files import JsonFile, load_json
from bugflow.tracker.imports.json_text import JsonText
from bugflow.tracker.imports.text_files import LARGEST_RECORD, TextFile, recognise

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
cuts = st.integers(1, 40)


def cut(content: bytes, size: int) -> TextFile:
    return recognise(lambda: (content[start : start + size] for start in range(0, len(content), size)))


def load_whole(text: str) -> Any:  # noqa: ANN401 -- JSON.
    """What a file holds, or why it is none, found with all of it in memory."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not (lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}")):
            return f"line {error.lineno}, column {error.colno}: {error.msg}"
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except ValueError:
            return f"line {number} is not JSON that can be read"
    return found


def walk(text: JsonText, depth: int) -> Any:  # noqa: ANN401 -- JSON.
    opening = text.peek() if depth else ""
    if opening == "{":
        return {name: walk(text, depth - 1) for name in text.members()}
    if opening == "[":
        return [walk(text, depth - 1) for _ in text.elements()]
    return text.value()


def walk_whole(file: TextFile) -> Any:  # noqa: ANN401 -- JSON.
    read = JsonFile(file, "Jira")
    if read.has_lines:
        return [walk(line, 2) for line in read.elements(unless="")]
    found = walk(read.text, 2)
    read.text.finish()
    return found


def outcome(text: str, size: int, *, walking: bool) -> Any:  # noqa: ANN401 -- JSON.
    file = cut(text.encode(), size)
    try:
        return walk_whole(file) if walking else load_json(file, "Jira")
    except ImportFileError as error:
        return str(error)


def agree(found: object, expected: object) -> bool:
    if isinstance(found, str) and found.startswith("This is not"):
        return isinstance(expected, str) and expected in found
    return repr(found) == repr(expected)  # NaN is not equal to itself.


@given(value=values, indent=st.none() | st.integers(0, 2), readable=st.booleans(), size=cuts, walking=st.booleans())
def test_a_text_that_comes_in_pieces_means_what_it_means_whole(
    value: object, indent: int | None, *, readable: bool, size: int, walking: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=not readable)
    text = text.encode(errors="replace").decode()
    assert agree(outcome(text, size, walking=walking), load_whole(text))


@given(
    value=values,
    mistake=st.sampled_from([",", "}", "]", "x", '"', "\\", "-", "\n", "1", ":", "tru", "\x01"]),
    place=st.floats(0, 1),
    size=cuts,
    walking=st.booleans(),
)
@example(value=[12], mistake="", place=0, size=1, walking=True)
@example(value={"a": [1, 2]}, mistake="x", place=1, size=1, walking=True)
def test_a_mistake_is_named_at_its_line_and_column_wherever_the_pieces_end(
    value: object, mistake: str, place: float, size: int, *, walking: bool
) -> None:
    text = json.dumps(value, indent=1)
    position = int(place * len(text))
    text = text[:position] + mistake + text[position + 1 :]
    assert agree(outcome(text, size, walking=walking), load_whole(text))


@given(
    lines=st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), min_size=1, max_size=4),
    added=st.sampled_from(["", "\n", "\n7", "\n{", " x", "\n\n{}\n"]),
    size=cuts,
)
def test_a_value_in_each_line_is_told_from_one_value(lines: list[object], added: str, size: int) -> None:
    text = "\n".join(map(json.dumps, lines)) + added
    assert agree(outcome(text, size, walking=False), load_whole(text))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"b": 2}\n',
        '\n \n{"a": 1}\r\n\r\n{"b": 2}',
        '{"a" 1}\n{"b": 2}',
        '{"a": 1} x}\n{"b": 2}',
        '{"a": {}\n}',
        '{"a": {}\n} x',
        '{"a": 1}\n7\n[8]\n"\u2028"',
        "-Infinity",
        "[NaN, Infinity, 1e400, -0.0, 1E-2]",
        '["\\ud83d\\ude00", "\\ud83d", "\\u00e9"]',
        '{"a": 1, "a": 2}',
        '["unfinished',
        '["\\u12',
        "[1, 2",
        "[-",
        "",
        "  \n ",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("walking", [False, True])
def test_what_is_easily_mistaken_is_read_alike(text: str, size: int, *, walking: bool) -> None:
    assert agree(outcome(text, size, walking=walking), load_whole(text))


def test_numbers_of_too_many_digits_and_deep_nesting_are_refused_wherever_the_pieces_end() -> None:
    for content, problem in ((f"[{'9' * 6000}]", "more digits"), ("[" * 100_000, "nested too deeply")):
        for size in (100, 4096, 1_000_000):
            assert problem in outcome(content, size, walking=True)


def endless(*beginning: bytes) -> Iterator[bytes]:
    return chain(beginning, repeat(b"x" * 1_000_000, LARGEST_RECORD // 1_000_000 + 10))


@pytest.mark.parametrize(
    ("beginning", "line"), [(b'{"issues": [\n{"key": "', 2), (b'{"key": "A-1"}\n{"key": "', 2), (b'[{"key": "', 1)]
)
def test_a_record_that_is_too_large_is_refused_by_its_line_before_it_is_read_whole(beginning: bytes, line: int) -> None:
    file = recognise(lambda: endless(beginning))
    with pytest.raises(ImportFileError, match=rf"line {line} is longer than 64,000,000 characters"):
        walk_whole(file)

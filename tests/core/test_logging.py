import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import structlog

from bugflow.core.logging import configure_logging, hide_in_text
from factories.settings import build_settings


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[io.StringIO]:
    written = io.StringIO()
    before = logging.getLogger().handlers[:]
    with redirect_stderr(written):
        configure_logging(build_settings(tmp_path, log_format="json"))
    yield written
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(logging.WARNING)
    structlog.reset_defaults()


def test_our_lines_and_those_of_libraries_have_one_form(lines: io.StringIO) -> None:
    structlog.get_logger().info("bug_reported", issue=7)
    logging.getLogger("some.library").warning("Lost %s of %d", "one", 3)
    ours, theirs = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (ours["event"], ours["issue"], ours["level"]) == ("bug_reported", 7, "info")
    assert (theirs["event"], theirs["logger"]) == ("Lost one of 3", "some.library")
    assert ours["timestamp"].endswith("Z")


def test_a_secret_in_a_line_is_hidden(lines: io.StringIO) -> None:
    structlog.get_logger().info(
        "called",
        password="hunter2hunter2",
        headers={"Authorization": "Bearer abcdefghijkl"},
        url="postgresql://flow:hunter2hunter2@db/x",
        token="bf_" + "a" * 40,
    )
    assert "hunter2" not in lines.getvalue()
    assert "abcdefgh" not in lines.getvalue()
    assert "a" * 16 not in lines.getvalue()
    assert "postgresql://flow:[hidden]@db/x" in lines.getvalue()


def test_an_exception_is_one_line_with_its_trace(lines: io.StringIO) -> None:
    try:
        int("seven")
    except ValueError as error:
        structlog.get_logger().error("unexpected_error", exc_info=error)
    [line] = lines.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_lines_below_the_level_are_not_written(lines: io.StringIO, tmp_path: Path) -> None:
    settings = build_settings(tmp_path, log_format="json", log_level="error")
    with redirect_stderr(lines):
        configure_logging(settings)
    structlog.get_logger().warning("nearly")
    structlog.get_logger().error("really")
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["really"]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [hidden]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[hidden]"),
        ("redis://:topsecret@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
        ("[parameters: ('x@example.com', 'hash')]", "[parameters: [hidden]]"),
        ("nothing to hide at 10:30 and a@b.example", "nothing to hide at 10:30 and a@b.example"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_text(text: str, hidden: str) -> None:
    assert hide_in_text(text) == hidden

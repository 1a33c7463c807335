"""docs/reference/cli.md against the command line, and every command and link that any page names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.main import get_command

from bugflow.cli.context import EXIT_CODES
from bugflow.cli.main import app

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/cli.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
CALL = re.compile(r"(?:^|[`$;&|(] ?)bugflow ((?:[a-z][a-z-]*(?: |$|`)){1,2})([^\n`|]*)", re.MULTILINE)


def list_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- Click's command.
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from list_commands(command.get_command(None, name), (*path, name))


COMMANDS: dict[str, Any] = dict(list_commands(get_command(app)))


def describe_parameter(parameter: Any) -> tuple[str, str]:  # noqa: ANN401 -- Click's parameter.
    if parameter.param_type_name == "option":
        required = " Required." if parameter.required else ""
        return ", ".join([*parameter.opts, *parameter.secondary_opts]), f"{parameter.help}{required}"
    name = (parameter.metavar or parameter.name.upper()) + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]", parameter.help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_reference_with_all_it_takes(name: str) -> None:
    [section] = re.findall(rf"^## `bugflow {name}`\n\n(.*?)(?=^## |\Z)", REFERENCE, re.DOTALL | re.MULTILINE)
    command = COMMANDS[name]
    assert section.splitlines()[0] == command.help
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [describe_parameter(each) for each in command.params if each.name != "help"]


def test_the_reference_has_no_command_that_does_not_exist() -> None:
    assert re.findall(r"^## `bugflow ([^`]+)`$", REFERENCE, re.MULTILINE) == list(COMMANDS)


def test_the_reference_tells_every_exit_code() -> None:
    first = REFERENCE.split("\n## ", maxsplit=1)[0]
    assert set(re.findall(r"\b[1-9]\b", first)) == {str(code) for code in EXIT_CODES.values()} | {"1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    for code in CODE.findall(page.read_text()):
        for words, rest in CALL.findall(code):
            first, *following = words.replace("`", " ").split()
            name = next(
                (each for each in (f"{first} {following[0]}" if following else first, first) if each in COMMANDS), ""
            )
            is_group = not rest.strip() and any(each.startswith(f"{first} ") for each in COMMANDS)
            assert name or is_group, f"{page.name}: there is no command 'bugflow {words.strip()}'"
            known = (
                {option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
                if name
                else set()
            )
            named = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", rest.split("#")[0].split("&&")[0]))
            assert named <= known | {"--help"}, f"{page.name}: bugflow {name} does not take {sorted(named - known)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / unquote(path) if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {target}"

"""The reference says what the code does."""

from pathlib import Path

import pytest

from bugflow.core.settings import Settings
from bugflow.tracker.accounts.roles import PERMISSIONS, Permission, Role
from bugflow.tracker.search.language import FIELDS, HAVING, SORT_FIELDS, STATES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_in_the_words_of_the_code(name: str) -> None:
    lines = (DOCS / "reference/settings.md").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"| `BUGFLOW_{name.upper()}` ")]
    assert line.endswith(f" | {Settings.model_fields[name].description} |")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    text = (DOCS / "reference/settings.md").read_text()
    assert text.count("| `BUGFLOW_") == len(Settings.model_fields)


@pytest.mark.parametrize("permission", Permission)
def test_the_table_of_roles_is_that_of_the_code(permission: Permission) -> None:
    lines = (DOCS / "reference/roles.md").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"| {permission} |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    assert cells == ["yes" if permission in PERMISSIONS[role] else "" for role in Role]


@pytest.mark.parametrize("word", [*FIELDS, *HAVING, *STATES, *SORT_FIELDS])
def test_every_word_of_the_query_language_is_in_the_guide(word: str) -> None:
    assert f"`{word}`" in (DOCS / "guide/searching.md").read_text()

"""Reading who is who: a file that says which account here a person of the other tracker has."""

import csv
import io
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.core.errors import InvalidError
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.imports.csv_tables import is_table
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_files import load_json
from bugflow.tracker.imports.parsing import iterate_records, text_of
from bugflow.tracker.imports.text_files import TextFile, recognise

MOST_NAMED, AT_ONCE = 5, 500


class PeopleFileError(InvalidError):
    """A file of people that cannot be used."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The file of users cannot be used: {problem}. It should be CSV with two columns, or a JSON object: "
            "a login or e-mail address of the other tracker, and the e-mail address of an account here."
        )


def read_people(content: bytes) -> dict[str, str]:
    """Return the e-mail address of the account here of each person there, both in small letters.

    Raises:
        PeopleFileError: It is neither such a table nor such an object, or names a person twice.
    """
    file = recognise(content)
    pairs = _read_table(file) if is_table(file) else _read_json(file)
    people: dict[str, str] = {}
    for position, (login, email) in enumerate(pairs, start=1):
        if not login or "@" not in email:
            raise PeopleFileError(f"entry {position} has no login or no e-mail address")
        if people.setdefault(login, email) != email:
            raise PeopleFileError(f"it names {login[:100]!r} twice, with different accounts")
    return people


def _read_table(file: TextFile) -> list[tuple[str, str]]:
    text = "".join(file.chunks()).lstrip("\ufeff")
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise PeopleFileError(f"it is no CSV: {error}") from error
    if any(len(row) < 2 for row in rows):  # noqa: PLR2004 -- A pair.
        raise PeopleFileError("a row has less than two cells")
    pairs = [(_clean(row[0]), _clean(row[1])) for row in rows]
    return pairs[1:] if pairs and pairs[0][1] and "@" not in pairs[0][1] else pairs


def _read_json(file: TextFile) -> list[tuple[str, str]]:
    try:
        value = load_json(file, "users")
    except ImportFileError as error:
        raise PeopleFileError("it is no JSON that can be read") from error
    if isinstance(value, dict):
        return [(_clean(login), _clean(email)) for login, email in value.items()]
    return [(_clean(each.get("login")), _clean(each.get("email"))) for each in iterate_records(value)]


def _clean(value: object) -> str:
    return text_of(value).strip().lower()


def find_accounts(session: Session, people: Mapping[str, str]) -> dict[str, int]:
    """Return the number of the account here of each person there.

    Raises:
        PeopleFileError: An account is not here.
    """
    wanted, ids = sorted(set(people.values())), dict[str, int]()
    for start in range(0, len(wanted), AT_ONCE):
        email = func.lower(User.email)
        rows = session.execute(select(email, User.id).where(email.in_(wanted[start : start + AT_ONCE])))
        ids |= {row[0]: row[1] for row in rows}
    missing = [email for email in wanted if email not in ids]
    if missing:
        named = ", ".join(missing[:MOST_NAMED]) + ("…" if len(missing) > MOST_NAMED else "")
        raise PeopleFileError(f"no account here has the address {named}; add it by `bugflow user add`")
    return {login: ids[email] for login, email in people.items()}

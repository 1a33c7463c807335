"""Pages of long lists: an opaque cursor says where the next one begins."""

import base64
import binascii
import json
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from bugflow.core.errors import FieldProblem, InvalidError

Item = TypeVar("Item")

LARGEST_NUMBER = 2**31 - 1
LONGEST_CURSOR = 500


class CursorError(InvalidError):
    """A cursor that this server did not make for this list."""

    def __init__(self) -> None:
        problem = "The cursor is not one of this list. Begin again without a cursor."
        super().__init__(problem, fields=[FieldProblem("cursor", problem)])


class Page(BaseModel, Generic[Item]):
    """A part of a long list; `next_cursor` is null at the end."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(values: list[Any]) -> str:
    """Return values as an opaque text that fits into an address."""
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_number_cursor(cursor: str | None) -> int | None:
    """Return the row number that a cursor of one number holds; no cursor holds none.

    Raises:
        CursorError: It holds something else.
    """
    if cursor is None:
        return None
    [number] = decode_cursor(cursor, length=1)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_NUMBER:
        raise CursorError
    return number


def decode_cursor(cursor: str, *, length: int) -> list[Any]:
    """Return the values of a cursor; what they mean is for the caller to check.

    Raises:
        CursorError: It is not a cursor of so many values.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise CursorError
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise CursorError from error
    if not isinstance(values, list) or len(values) != length:
        raise CursorError
    return values

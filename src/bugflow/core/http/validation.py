"""What Pydantic finds wrong with a field, in our words: one table from its type of error to a sentence."""

from collections.abc import Mapping
from typing import Any

from bugflow.core.errors import FieldProblem

_WHOLE_NUMBER = "Give a whole number."
_NUMBER = "Give a number."
_DATE = "Give a date, such as 2026-03-31."
_MOMENT = "Give a date and a time, such as 2026-03-31T14:00:00Z."
_TIME = "Give a time of day, such as 14:00."
_DURATION = "Give a duration, such as P1DT2H."
_OBJECT = "Give a JSON object: names and values in braces."
_LIST = "Give a JSON list: values in brackets."
_ADDRESS = "Give a whole address, such as https://example.org/."
_UUID = "Give a UUID, such as 123e4567-e89b-42d3-a456-426614174000."
_UNICODE = "This is not text in UTF-8. Encode it so."
_CHOICE = "Choose one of these: {expected}."
_EMPTY = "Leave this empty."

SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "This is not known here. Leave it out.",
    "invalid_key": "The name of a field must be text.",
    "none_required": _EMPTY,
    "json_invalid": "This is not JSON. Look at the quotes, commas and brackets near character {position}.",
    "json_type": "Give JSON as text.",
    "recursion_loop": "This contains itself. Take it apart.",
    "recursion_depth_exceeded": "This is nested too deeply. Take it apart.",
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dataclass_type", "dict_type", "mapping_type", "frozen_dict_type"),
        _OBJECT,
    ),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type", "deque_type"), _LIST),
    "too_short": "This is too little. Give at least {min_length:item}.",
    "too_long": "This is too much. Give at most {max_length:item}.",
    "set_item_not_hashable": "Give text or a number, neither a list nor an object.",
    "string_type": "Give text.",
    "string_unicode": _UNICODE,
    "string_too_short": "This is too short. Write at least {min_length:character}.",
    "string_too_long": "This is too long. Write at most {max_length:character}.",
    "string_not_ascii": "Write it with letters, digits and signs of ASCII only.",
    "string_pattern_mismatch": "This is not written as it must be, which is {pattern}.",
    "bytes_type": "Give bytes.",
    "bytes_too_short": "This is too short. Give at least {min_length:byte}.",
    "bytes_too_long": "This is too long. Give at most {max_length:byte}.",
    "bytes_invalid_encoding": _UNICODE,
    "bool_type": "Give true or false.",
    "bool_parsing": "Give true or false.",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing_size": "This number has too many digits. Give a smaller one.",
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    "finite_number": "Give a number that is finite.",
    "greater_than": "This is too small. Give more than {gt}.",
    "greater_than_equal": "This is too small. Give {ge} or more.",
    "less_than": "This is too large. Give less than {lt}.",
    "less_than_equal": "This is too large. Give {le} or less.",
    "multiple_of": "Give a multiple of {multiple_of}.",
    "decimal_max_digits": "This number has too many digits. Give at most {max_digits:digit}.",
    "decimal_max_places": "Give at most {decimal_places:digit} behind the point.",
    "decimal_whole_digits": "Give at most {whole_digits:digit} before the point.",
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "union_tag_invalid": "Choose one of these: {expected_tags}.",
    "union_tag_not_found": "Say by {discriminator} what this is.",
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _DATE),
    "date_past": "Give a date in the past.",
    "date_future": "Give a date in the future.",
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"), _MOMENT
    ),
    "datetime_past": "Give a moment in the past.",
    "datetime_future": "Give a moment in the future.",
    "timezone_naive": "Leave the time zone out.",
    "timezone_aware": "Add the time zone, such as Z for UTC.",
    "timezone_offset": "Give it in the time zone with an offset of {tz_expected} seconds.",
    "time_type": _TIME,
    "time_parsing": _TIME,
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": "Give a UUID of version {expected_version}.",
    **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation"), _ADDRESS),
    "url_too_long": "This address is too long. Give one of at most {max_length:character}.",
    "url_scheme": "Give an address that begins with {expected_schemes}.",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
"""By Pydantic's `type`; in braces, what it knows of the limit, and after a colon what is counted."""

FALLBACK = "This is not possible here. What is, is described at /docs."

WORDS_OF_PATTERNS = {
    r"^[^\x00-\x1f\x7f]*$": "one line without control characters",
    r"^[^\x00]*$": "text without a NUL character",
    r"^\d{1,9}\.\d{1,9}\.\d{1,9}$": "three numbers such as 1.2.0",
    r"^[A-Za-z][A-Za-z0-9_]{1,19}$": "a letter, then 1 to 19 letters, digits or underscores",
}

WORDS_OF_LIBRARIES = {
    "Expected UploadFile": "Send a file.",
    "value is not a valid email address": "This is not an e-mail address. It looks like name@example.org.",
}
"""Beginnings of messages that come as `value_error`, as ours do, and are not ours."""


class _Amount:
    """A limit: as a number with separators, or, with a format, so many of something."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, counted: str) -> str:
        number = f"{self._value:,.15g}" if isinstance(self._value, float) else f"{self._value:,}"
        return f"{number} {counted}{'' if self._value == 1 else 's'}" if counted else number


def describe_field(error: Mapping[str, Any]) -> FieldProblem:
    """Return what Pydantic found wrong with one field; the input itself is not repeated."""
    place = [str(part) for part in error["loc"]]
    if error["type"] == "json_invalid":
        return FieldProblem("body", describe_kind(error), error["type"])
    # The first part says where the field is: body, query, path, header.
    return FieldProblem(".".join(place[1:]) or place[0], describe_kind(error), error["type"])


def describe_kind(error: Mapping[str, Any]) -> str:
    """Return the sentence for an error, which says what to do."""
    sentence = SENTENCES.get(error["type"], FALLBACK)
    known = {name: _to_words(name, value) for name, value in error.get("ctx", {}).items()}
    if error["type"] == "json_invalid":
        known["position"] = str(error["loc"][-1])
    if sentence == "{error}":
        known["error"] = _find_own_words(str(error["msg"]))
    return sentence.format_map(known)


def _to_words(name: str, value: object) -> object:
    if isinstance(value, int | float):
        return _Amount(value)
    if name == "pattern":
        return WORDS_OF_PATTERNS.get(str(value), value)
    return str(value).replace("'", "")


def _find_own_words(message: str) -> str:
    words = message.removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".") + "."
    return next((ours for theirs, ours in WORDS_OF_LIBRARIES.items() if words.startswith(theirs)), words)

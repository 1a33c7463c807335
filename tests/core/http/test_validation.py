"""What is wrong with a field is said in our words, whatever the schemas ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from bugflow.app import create_app
from bugflow.core.http.validation import FALLBACK, SENTENCES, WORDS_OF_PATTERNS, describe_kind
from factories.app import Installation
from factories.settings import build_settings

NUMBERS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "multiple_of": "multiple_of",
}
SIZES = {"min_length": "too_short", "max_length": "too_long"}
TEXTS = {
    "min_length": "string_too_short",
    "max_length": "string_too_long",
    "pattern": "string_pattern_mismatch",
    "strip_whitespace": None,
}
OWN_WORDS: tuple[set[str], dict[str, str | None]] = ({"value_error"}, {"function": None})
RAISES: dict[str, tuple[set[str], dict[str, str | None]]] = {
    "bool": ({"bool_type", "bool_parsing"}, {}),
    "date": ({"date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"}, {}),
    "datetime": (
        {"datetime_type", "datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"},
        {"microseconds_precision": None},
    ),
    "default": (set(), {"default": None, "default_factory": None, "default_factory_takes_data": None}),
    "dict": ({"dict_type"}, {**SIZES, "keys_schema": None, "values_schema": None}),
    "any": (set(), {}),
    "enum": ({"enum"}, {"cls": None, "members": None, "sub_type": None, "missing": None}),
    "float": ({"float_type", "float_parsing", "finite_number"}, {**NUMBERS, "allow_inf_nan": None}),
    "function-after": OWN_WORDS,
    "function-plain": OWN_WORDS,
    "int": ({"int_type", "int_parsing", "int_parsing_size", "int_from_float"}, {**NUMBERS}),
    "list": ({"list_type"}, {**SIZES, "items_schema": None}),
    "literal": ({"literal_error"}, {"expected": None}),
    "model": (
        {"model_type", "model_attributes_type"},
        {"cls": None, "config": None, "custom_init": None, "root_model": None},
    ),
    "model-field": ({"missing"}, {"validation_alias": None}),
    "model-fields": ({"extra_forbidden"}, {"fields": None, "model_name": None, "computed_fields": None}),
    "nullable": (set(), {}),
    "str": ({"string_type", "string_unicode"}, {**TEXTS}),
    "union": (set(), {"choices": None}),
    "uuid": ({"uuid_type", "uuid_parsing"}, {}),
}
"""What each node of a schema can find wrong: always, and by what it asks for. A node that is missing here is new."""

HOUSEKEEPING = {"type", "schema", "metadata", "serialization", "ref"}
BODY_ERRORS = {"json_invalid", "missing"}

WRONG: list[Any] = [
    *(None, True, -1, 2**31, 10**5000, 1.5, float("nan"), float("inf"), "", " ", "x", "9" * 5000, "-1", "nan", "maybe"),
    *("\0", "x\n", "\ud800", b"\xff", "x" * 2_000_001, "2026-13-01", "2026-01-01T25:00", [], [None], ["x"] * 2000, {}),
    *({"unknown": 1}, {1: 2}, object()),
]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[TypeAdapter[Any]]:
    """Everything that the application reads from requests, except what its forms read by the same schemas."""
    folder = tmp_path_factory.mktemp("home")
    app = create_app(build_settings(folder, database_url=f"sqlite:///{folder / 'none.db'}"))
    found = [parameter._type_adapter for route in walk_routes(app.routes) for parameter in walk_fields(route.dependant)]
    assert len(found) > 100
    return found


def walk_routes(routes: Any) -> Iterator[Any]:  # noqa: ANN401 -- FastAPI's own.
    for route in routes:
        if hasattr(route, "original_router"):
            yield from walk_routes(route.original_router.routes)
        elif hasattr(route, "dependant"):
            yield route


def walk_fields(dependant: Any) -> Iterator[Any]:  # noqa: ANN401 -- The same.
    for kind in ("path", "query", "header", "cookie", "body"):
        yield from getattr(dependant, f"{kind}_params")
    for each in dependant.dependencies:
        yield from walk_fields(each)


def walk_nodes(schema: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 -- Any part of a schema.
    if isinstance(schema, list | tuple):
        for each in schema:
            yield from walk_nodes(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("type"), str) and schema["type"] not in {"no-info", "with-info"}:
            yield schema
        for name, each in schema.items():
            if name not in {"metadata", "serialization", "expected"}:
                yield from walk_nodes(each)


def test_whatever_the_schemas_ask_for_has_a_sentence(adapters: list[TypeAdapter[Any]]) -> None:
    possible = set(BODY_ERRORS)
    for adapter in adapters:
        for node in walk_nodes(adapter.core_schema):
            assert node["type"] in RAISES, f"{node['type']} is new: say what it can find wrong, and add sentences"
            always, by_name = RAISES[node["type"]]
            asked = node.keys() - HOUSEKEEPING
            assert asked <= by_name.keys(), f"{node['type']} asks for something new: {asked - by_name.keys()}"
            possible |= always | {kind for name in asked if (kind := by_name[name]) is not None}
    assert possible - SENTENCES.keys() == set()
    assert len(possible) > 25


def test_whatever_is_sent_is_refused_in_our_words(adapters: list[TypeAdapter[Any]]) -> None:
    seen = set()
    for adapter in adapters:
        for value in [*WRONG, *({name: wrong} for name in names_of(adapter) for wrong in WRONG)]:
            for error in errors_of(adapter, value):
                seen.add(error["type"])
                sentence = describe_kind(error)
                assert error["type"] in SENTENCES, error
                assert sentence.endswith(".")
                assert sentence != error["msg"]
                assert not any(words in sentence for words in ("should", "Input", "valid ", "^", "{", "class")), (
                    sentence
                )
    assert len(seen) > 20


def names_of(adapter: TypeAdapter[Any]) -> list[str]:
    return [
        name for node in walk_nodes(adapter.core_schema) if node["type"] == "model-fields" for name in node["fields"]
    ]


def errors_of(adapter: TypeAdapter[Any], value: object) -> list[Any]:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return error.errors()
    return []


def test_every_pattern_has_words(adapters: list[TypeAdapter[Any]]) -> None:
    patterns = {node.get("pattern") for adapter in adapters for node in walk_nodes(adapter.core_schema)} - {None}
    assert patterns
    assert patterns <= WORDS_OF_PATTERNS.keys()


def test_every_sentence_is_for_an_error_of_pydantic_and_knows_its_limits() -> None:
    known: dict[str, Any] = {str(each["type"]): each for each in list_all_errors()}
    assert SENTENCES.keys() <= known.keys()
    for kind in SENTENCES:
        context = known[kind].get("example_context") or {}
        sentence = describe_kind({"type": kind, "loc": ("body", 7), "msg": "Say it so", "ctx": context})
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_an_error_nobody_has_thought_of_is_still_answered() -> None:
    assert describe_kind({"type": "callable_type", "loc": ("body", "f"), "msg": "Input should be callable"}) == FALLBACK


SENT: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "title", "missing", "This is required."),
    ({"title": "x" * 501}, "title", "string_too_long", "This is too long. Write at most 500 characters."),
    ({"title": " "}, "title", "string_too_short", "This is too short. Write at least 1 character."),
    ({"title": 7}, "title", "string_type", "Give text."),
    ({"labels": ["x"] * 51}, "labels", "too_long", "This is too much. Give at most 50 items."),
    ({"labels": "x"}, "labels", "list_type", "Give a JSON list: values in brackets."),
    ({"labels": ["a", "x" * 81]}, "labels.1", "string_too_long", "This is too long. Write at most 80 characters."),
    ({"story_points": -1}, "story_points", "greater_than_equal", "This is too small. Give 0 or more."),
    ({"actual_hours": 1e9}, "actual_hours", "less_than_equal", "This is too large. Give 100,000 or less."),
    ({"actual_hours": "x"}, "actual_hours", "float_parsing", "Give a number."),
    ({"due_on": "x"}, "due_on", "date_from_datetime_parsing", "Give a date, such as 2026-03-31."),
    ({"restricted": "x"}, "restricted", "bool_parsing", "Give true or false."),
    ({"priority": "x"}, "priority", "literal_error", "Choose one of these: "),
    ({"nobody": 1}, "nobody", "extra_forbidden", "This is not known here. Leave it out."),
]


@pytest.mark.parametrize(("sent", "field", "kind", "said"), SENT, ids=lambda value: str(value)[:30])
def test_problem_details_say_what_to_do_where(
    installation: Installation, sent: dict[str, Any], field: str, kind: str, said: str
) -> None:
    body = {"project": "WEB", "title": "It fails"} | sent if sent else {"project": "WEB"}
    answer = installation.refuse("tester", "POST", "/api/v1/issues", 422, json=body)
    [error] = answer["errors"]
    assert (error["field"], error["type"]) == (field, kind)
    assert error["problem"].startswith(said)
    assert answer["detail"] == f"The request is not valid. {field}: {error['problem']}"


def test_a_wrong_address_and_broken_json_are_explained(installation: Installation) -> None:
    headers = installation.sign_in("admin") | {"Content-Type": "application/json"}
    answer = installation.client.post("/api/v1/issues", content=b'{"title": }', headers=headers).json()
    said = "This is not JSON. Look at the quotes, commas and brackets near character 10."
    assert answer["errors"] == [{"field": "body", "problem": said, "type": "json_invalid"}]
    one = installation.refuse("tester", "GET", "/api/v1/issues?limit=many", 422)["errors"]
    assert one == [{"field": "limit", "problem": "Give a whole number.", "type": "int_parsing"}]


def test_our_own_sentences_have_a_type_too(installation: Installation) -> None:
    body = {"project": "WEB", "title": "It fails", "severity": "apocalyptic"}
    [error] = installation.refuse("tester", "POST", "/api/v1/issues", 422, json=body)["errors"]
    assert (error["field"], error["type"]) == ("severity", "value_error")


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        ({"title": "", "project": 1}, " There is 1 more problem."),
        ({"title": "", "project": 1, "labels": 1}, " There are 2 more problems."),
    ],
)
def test_further_problems_are_counted(installation: Installation, body: dict[str, Any], rest: str) -> None:
    answer = installation.client.post("/api/v1/issues", json=body, headers=installation.sign_in("tester")).json()
    assert answer["detail"].endswith(rest)
    assert len(answer["errors"]) == int(rest.split()[2]) + 1

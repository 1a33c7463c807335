"""Memory that is given back."""

from bugflow.core.memory import give_back_memory


def test_giving_back_memory_is_possible_at_any_time_also_twice() -> None:
    give_back_memory()
    give_back_memory()

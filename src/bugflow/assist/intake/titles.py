"""A title for a report that came without one."""

import re

LONGEST_TITLE = 120
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


def derive_title(description: str) -> str:
    """Return the first sentence of the first line that says anything, cut at a word to 120 characters."""
    lines = (line.strip(" \t#*->`_=") for line in description.splitlines())
    first = next((line for line in lines if any(character.isalnum() for character in line)), description.strip())
    sentence = " ".join(_SENTENCE_END.split(first, maxsplit=1)[0].split())
    if len(sentence) <= LONGEST_TITLE:
        return sentence.rstrip(".") or sentence
    cut = sentence[: LONGEST_TITLE - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[LONGEST_TITLE // 2 :] else cut) + "…"

"""The names of a model's members, for those who do not load them."""

WORD_MEMBERS = ("linear", "presence")
"""Have learned from words."""
QUICK_MEMBERS = ("keyword", *WORD_MEMBERS)
"""Answer at once, with reasons; others look at the whole text, and for reasons once for each of its parts."""
TRAINED_ONCE = ("transformer",)
"""Take hours to train, so the reports that calibrate them do not train them afterwards."""

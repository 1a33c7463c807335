"""What lies beside the files of a model that was judged."""

DECISION, DECISION_TEXT = "decision.json", "decision.md"
"""The report of the decision: for programs, and for people."""

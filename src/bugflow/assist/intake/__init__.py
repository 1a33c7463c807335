"""The documented short verbs: report, update with corrections (and, later, predict)."""

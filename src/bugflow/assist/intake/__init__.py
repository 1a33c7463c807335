"""The documented short verbs: predict, report, update with corrections."""

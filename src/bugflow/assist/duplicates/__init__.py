"""Duplicates: merging, unmerging and rejecting, each kept in a ledger that models learn from."""

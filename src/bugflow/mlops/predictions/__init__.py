"""The predictions ledger: what models thought of issues, who saw it, and what became of it."""

"""A project's past told once more: what models would have said of each issue when it was filed."""

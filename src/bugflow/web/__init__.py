"""How HTML looks: rendering, templates and static files; it knows no product area."""

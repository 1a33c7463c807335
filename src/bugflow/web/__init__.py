"""How HTML looks: rendering, templates, static files. It knows nothing of what the pages are about."""

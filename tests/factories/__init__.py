"""What tests build: settings, users, projects, issues."""

"""The pages of models: what is in use, what is tried, how trainings go, and choosing another version."""

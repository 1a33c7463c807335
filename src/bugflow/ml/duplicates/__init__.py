"""Finding the older report of the same bug: candidates, a learned ranking, a probability and reasons."""

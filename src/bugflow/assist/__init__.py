"""What the product suggests to people: tracker data and the current models."""

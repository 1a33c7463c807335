"""Whether a candidate becomes the model in use: by evidence, on the same items, with a report that says why."""

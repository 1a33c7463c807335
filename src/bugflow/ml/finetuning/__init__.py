"""Teaching a pre-trained encoder of texts new labels, and serving what it learned without PyTorch."""

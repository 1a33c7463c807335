"""What people are told: an inbox in the product, e-mail at once or as a digest."""

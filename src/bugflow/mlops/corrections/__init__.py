"""What people corrected: the append-only record that models learn from."""

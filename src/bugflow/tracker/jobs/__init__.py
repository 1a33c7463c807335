"""What people may know of background jobs."""

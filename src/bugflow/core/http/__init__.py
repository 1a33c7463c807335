"""What every HTTP edge shares: sessions, problem details, limits, pagination."""

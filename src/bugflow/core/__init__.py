"""The foundation: settings, errors, database, storage, jobs, HTTP, security, logging."""

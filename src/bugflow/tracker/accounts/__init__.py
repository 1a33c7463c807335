"""Users, what each role may do, signing in, tokens."""

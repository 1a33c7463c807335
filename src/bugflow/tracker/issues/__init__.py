"""Issues: what is reported, worked on and resolved, with everything that hangs on them."""

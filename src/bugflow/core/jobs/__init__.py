"""Events written with the change they announce, and the jobs that follow them."""

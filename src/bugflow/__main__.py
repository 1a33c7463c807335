"""`python -m bugflow` is `bugflow`."""

from bugflow.cli import main

if __name__ == "__main__":
    main()

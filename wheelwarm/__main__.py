"""`python -m wheelwarm`."""

from wheelwarm.cli import main

if __name__ == "__main__":
    main()

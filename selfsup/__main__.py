"""`python -m selfsup NAME`: the same as `selfsup NAME`."""

from selfsup_command import main

if __name__ == "__main__":
    main()

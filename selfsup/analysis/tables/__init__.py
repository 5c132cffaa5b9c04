"""The tables of the paper: what each number takes, runs of it, and their results."""

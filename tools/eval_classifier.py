"""Evaluates a single-label classifier on every photograph of a labeled set."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("eval_classifier")

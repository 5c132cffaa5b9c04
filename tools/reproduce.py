"""Reproduces the paper's tables, a row by one command."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("reproduce")

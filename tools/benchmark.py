"""Measures speed beside reference implementations, in one run."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("benchmark")

"""Measures what simple classifiers read off a network's frozen features."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("probe")

"""Writes the features of photographs, with their names, to one file."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("embed")

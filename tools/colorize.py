"""Colors photographs, gray or color, of any size and format."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("colorize")

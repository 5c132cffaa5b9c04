"""Opens a page to drop a photograph on, and shows it gray and colored."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("demo")

"""Writes photographs as TFRecord shards: a few large files for many small ones."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("make_records")

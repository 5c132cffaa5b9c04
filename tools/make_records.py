"""Writes photographs as TFRecord shards, which large sets are read from fast."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("make_records")

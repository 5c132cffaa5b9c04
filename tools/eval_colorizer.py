"""Evaluates a trained colorizer on held-out photographs."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("eval_colorizer")

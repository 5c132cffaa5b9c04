"""Pretrains a network by colorizing unlabeled photographs."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("train_colorizer")

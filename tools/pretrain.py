"""Pretrains a network on unlabeled photographs by any proxy task."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("pretrain")

"""Trains a network to tell which one of several classes a photograph shows."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("train_classifier")

"""Trains a network for VOC segmentation or classification."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("train_voc")

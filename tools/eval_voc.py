"""Evaluates a VOC segmenter or classifier on every image of a split."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("eval_voc")

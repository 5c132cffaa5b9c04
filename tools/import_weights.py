"""Imports weights of other programs as .keras files, or exports ours to Caffe."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("import_weights")

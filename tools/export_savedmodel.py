"""Exports a trained model as a SavedModel for TensorFlow Serving."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("export_savedmodel")

"""Speed and memory, each beside something measured in the same run."""

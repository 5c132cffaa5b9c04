"""Speed and memory, each beside something measured in the same run."""

from selfsup.analysis.benchmarks import input, segment, serve, train

__all__ = ["input", "segment", "serve", "train"]

"""Training: configurations, the loop, checkpoints and one trainer a task."""

from selfsup.training.colorizer import train_colorizer
from selfsup.training.config import ColorizerConfig

__all__ = ["ColorizerConfig", "train_colorizer"]

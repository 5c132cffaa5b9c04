"""What trained models have learned, and how fast they run."""

"""The command-line tools: a module each, run as `python tools/NAME.py`."""

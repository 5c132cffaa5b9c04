"""Shows what a network's features see, and what fine-tuning made of them."""

import selfsup_command

if __name__ == "__main__":
    selfsup_command.tool("analyze")

"""What is kept on this node between scripts, below /run."""

"""What is tried in guests: each module is one boot, and runs there under pytest."""

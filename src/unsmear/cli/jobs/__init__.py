"""What the commands do once their options have been read; imported by a command's body alone."""

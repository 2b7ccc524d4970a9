"""What nodes know of each other."""

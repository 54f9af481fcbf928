"""What makes images."""

"""Where candidates and images are kept."""

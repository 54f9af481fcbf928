"""Where the chain of records is kept."""

"""Where runtime secrets come from."""

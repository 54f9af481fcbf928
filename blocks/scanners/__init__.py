"""What looks for known vulnerabilities."""

"""Gift vouchers that carry their own proof: no database, one secret."""

__version__ = "1.9.0"

"""Tests mirror the rooms; data cases are in cases/, real engines in integration/."""

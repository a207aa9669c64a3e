"""Judging deals in bulk: columns in, one transaction out. `commissions.services` is its door."""

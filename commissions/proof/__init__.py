"""The nightly proof: what is checked, how, and what the last run found. It never repairs anything."""

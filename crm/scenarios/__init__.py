"""Rebate scenarios: documents played through the real engine, each on a scratch broker of its own."""

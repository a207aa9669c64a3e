"""Consent: what an IB is offered, what it accepted with its proof, and what waits for it."""

"""Delegation: an IB passes a part of its own rate on to those below and to its clients, never more than it has."""

"""Levels of IBs: ladders, what was measured in a period, who rises or falls, and who is never touched."""

"""Benchmarks; each module is a program, started by ./run bench NAME."""

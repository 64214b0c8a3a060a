"""Servers of other people, started as a hospital would run them, for tests that speak with something real."""

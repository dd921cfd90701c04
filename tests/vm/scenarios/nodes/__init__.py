"""Scenarios of two nodes and a filer, a guest each."""

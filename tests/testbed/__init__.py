"""Nodes for tests: the installed product, a mount namespace for each node, and Ganeti's own code on it."""

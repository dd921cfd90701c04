"""The fault sweep: every fault at every call that a verb or hook makes, and then Ganeti's next attempt."""

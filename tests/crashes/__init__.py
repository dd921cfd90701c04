"""The crash sweep: every verb and hook is killed at each point of its work, and then Ganeti's next verbs come."""

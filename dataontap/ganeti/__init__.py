"""Ganeti's side: what it tells a script or a hook, and how it gets its answer."""

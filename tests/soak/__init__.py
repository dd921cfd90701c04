"""A fleet of nodes at a simulated filer for minutes: random lives of volumes under faults, takeovers and crashes.

Each verb is a process of the real library, which speaks to the filer over HTTPS and has its node's own locks,
records and caches. Its devices are names only. ``lives`` has the model, ``node`` the nodes, ``fleet`` runs them.
"""

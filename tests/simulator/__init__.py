"""A NetApp clustered ONTAP filer that exists only on this machine: see README.md.

Importing this package loads nothing, so that ``fabric.py`` runs with a bare system interpreter.
"""

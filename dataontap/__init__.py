"""Ganeti external storage on NetApp Data ONTAP LUNs."""

__version__ = "1.0.0.dev2"

"""ONTAP's XML API."""

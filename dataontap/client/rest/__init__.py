"""ONTAP over REST."""

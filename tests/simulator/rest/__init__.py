"""ONTAP's REST API over the state that the ZAPI side has, too: see README.md beside this package."""

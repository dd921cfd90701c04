"""This node's side: programs and block devices. Knows no ONTAP and no Ganeti."""

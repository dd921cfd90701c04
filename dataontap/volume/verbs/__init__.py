"""What each verb does: what it asks the filer, what it asks the node, in which order. Only here the two meet."""

"""The steps of each verb: what it asks the filer and the node, in which order. Only verbs use both sides."""

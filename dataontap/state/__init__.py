"""Files below /run that this node keeps between scripts."""

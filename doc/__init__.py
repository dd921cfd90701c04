"""The man pages, the options' texts and what makes files of them; nothing of it is on a node but the pages."""

"""The man pages, the options' texts, and the code that generates files from them. Nodes have only the pages."""

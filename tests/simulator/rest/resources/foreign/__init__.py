"""Resources that the product does not ask for. Programs that others have written for filers do."""

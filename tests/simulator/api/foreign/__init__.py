"""APIs that the product does not call. Programs that others have written for filers call them."""

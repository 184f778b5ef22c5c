"""What clients do with their channels and broadcasts."""

"""How did the tables become what they are? One step in each file of `versions`."""

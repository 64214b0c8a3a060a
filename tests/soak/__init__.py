"""Does it hold under kills? Run by `make soak`, not by `make test`."""

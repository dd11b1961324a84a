"""Entries of the Materials Project: the client, the cache on disk, and the sources that read it."""

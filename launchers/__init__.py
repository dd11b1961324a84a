"""Every way to start a run: command line, local processes."""

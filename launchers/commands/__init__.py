"""The commands of misei, by topic."""

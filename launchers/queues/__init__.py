"""Workers as jobs of a queue system."""

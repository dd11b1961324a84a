"""misei: screening Li alloys for metal-incorporated SEI design."""

__version__ = "0.1.0"

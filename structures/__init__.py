"""Pure functions on crystals: Structure in, Structure or dataclass out."""

"""Personal digital signatures for every official of a city."""

__version__ = "0.5.0"

"""The one kind of failure that `scripts/bench` raises by itself."""


class BenchError(Exception):
    """Something makes a measurement impossible or worthless; the text says what, and what would be right."""

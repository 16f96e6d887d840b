"""The one error that the commands report to their user."""


class InputError(Exception):
    """Something that the user gave can't be used: the message says what, where, and what would be right."""

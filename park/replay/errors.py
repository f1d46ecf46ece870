"""What can go wrong with a replay."""


class ReplayError(Exception):
    """A file that cannot be sent or a gateway that cannot be reached; the message says what and where."""

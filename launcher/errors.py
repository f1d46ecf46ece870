"""Errors a person at the terminal can act on: shown as one line and a remedy, never as a traceback."""


class LauncherError(Exception):
    """Something the launcher expected might go wrong; `remedy` says what to do about it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

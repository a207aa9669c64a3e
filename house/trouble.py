"""What cannot go on, said to a person."""


class Trouble(Exception):
    """One or two plain sentences: what is missing or wrong, and what to do about it."""


class Interrupted(BaseException):
    """A signal asked us to stop. Not an Exception, so that nothing on the way swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

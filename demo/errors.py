"""What the demo itself has to say when it cannot go on."""


class DemoError(Exception):
    """The demo ends here; the message is for the person who started it."""

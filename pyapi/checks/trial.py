"""What broadcast.try_rule() tells: a channel's life, tried and taken back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step that was done, or at which it ended: with the error, its SQLSTATE and the trigger that it came from."""

    step: str
    is_done: bool
    detail: str
    error_code: str | None
    trigger_name: str | None

    @property
    def sentence(self) -> str:
        """The step in one line."""
        if self.is_done:
            return f"{self.step}: {self.detail}."
        came_from = f", from the trigger {self.trigger_name}" if self.trigger_name else ""
        return f"{self.step}: no. {self.detail.rstrip('.')} (SQLSTATE {self.error_code}{came_from})."

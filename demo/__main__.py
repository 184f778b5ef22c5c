"""Tell the story of story.py: `make demo`, with DATABASE_URL for a database of one's own."""

import signal
import sys

import psycopg
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from pyapi.database_url import DatabaseUrlError
from pyapi.errors import RuleError

from .embedded import EmbeddedServerError
from .errors import DemoError
from .story import tell
from .target import demo_database

EXPECTED = (
    DemoError,
    DatabaseUrlError,
    EmbeddedServerError,
    OSError,
    RuleError,
    SQLAlchemyError,
)
WIDTH = 100


def main() -> int:
    """Run the demo.

    Returns:
        The exit code: 0 when the story went as it should, 1 when not (with a sentence that says
        why), 130 when it was interrupted.
    """
    # A terminated demo cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = _console()
    try:
        with demo_database(console) as place:
            tell(place, console)
    except KeyboardInterrupt:
        console.print("\n❌ Interrupted; cleaned up.", style="red")
        return 130
    except psycopg.Error as error:
        console.print(f"\n❌ PostgreSQL says: {str(error).strip()}", style="red", markup=False)
        return 1
    except EXPECTED as error:
        console.print(f"\n❌ {str(error).strip()}", style="red", markup=False)
        return 1
    return 0


def _console() -> Console:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    console = Console(highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    return console


if __name__ == "__main__":
    sys.exit(main())

"""The state machine for as many steps as asked for: ``make soak``.

It prints the seed, the number of steps, the rate and how often each operation ended how. A failure is printed as the
shortest series of statements that shows it, and ends with exit code 1.
"""

import argparse
import logging
import sys

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.functions import exploration
from tests.trust.machine import Machine, Run
from tools import databases, servers

STEPS_OF_AN_EXAMPLE = 50


def explore(run: Run, examples: int, chosen_seed: int) -> None:
    """Run the machine on so many series of statements, all of them made from the seed.

    Raises:
        AssertionError: model and database disagree; hypothesis has printed the statements.
    """

    class Seeded(Machine):
        def __init__(self) -> None:
            super().__init__(run)

    run_state_machine_as_test(
        seed(chosen_seed)(Seeded),
        settings=settings(exploration(examples), stateful_step_count=STEPS_OF_AN_EXAMPLE),
    )


def main() -> int:
    """Run until the number of steps is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="at least so many (default 100000)")
    arguments, server = servers.parse_run(parser)
    # A refusal inside a pipeline is what the machine asks for.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    with server.run() as server_url, databases.upgraded_database(server_url) as url:
        run = Run(url, databases.at(server_url, databases.name_of(url)))
        chunk = 0
        try:
            while run.steps < arguments.steps:
                explore(run, 100, arguments.seed + chunk)
                chunk += 1
                print(run.report().partition("\n")[0], flush=True)
        except AssertionError as error:
            print(f"--seed={arguments.seed + chunk}: {error}\n" + "\n".join(getattr(error, "__notes__", [])))
            return 1
        finally:
            run.close()
    print(run.report())
    return 0


if __name__ == "__main__":
    sys.exit(main())

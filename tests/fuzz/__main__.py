"""The fuzzing for as long as one likes: ``make fuzz``.

Functions and commands with made-up input; requests before the login and answers of Telegram's that grow, none of which
may take 50 ms; and the requests of a client, none of whose statements may.

It prints the seed of each round, and at the end how often what ended how. What goes wrong is printed as the shortest
call that shows it, and ends with exit code 1.
"""

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.fuzz.answers import Answers
from tests.fuzz.commands import Commands
from tests.fuzz.functions import Fuzz, report
from tests.fuzz.queries import Queries
from tests.fuzz.requests import Requests
from tools import databases, servers

EXAMPLES = 200


def main() -> int:
    """Fuzz until the time is over, a whole round at least."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pg", choices=servers.KINDS, help="the kind of server, as for the tests")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="repeats a run")
    arguments = parser.parse_args()
    picked = servers.pick(arguments.pg)
    print(f"{picked.name}, --seed={arguments.seed}", flush=True)
    until, round_seed = time.monotonic() + 60 * arguments.minutes, arguments.seed
    wrong: Counter[str] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    with picked.run() as server_url:
        databases.create_owner(server_url)
        while True:
            # A database of its own for each round: the commands leave rows missing for verify and backfill to find.
            url = databases.create_database(server_url)
            databases.upgrade(url)
            fuzz = Fuzz(url, databases.at(server_url, databases.name_of(url)))
            commands = Commands(fuzz)
            found = [*fuzz.run(EXAMPLES, round_seed), *commands.run(EXAMPLES, round_seed)]
            found += [*Requests().run(), *Answers().run(round_seed), *Queries(server_url).run()]
            fuzz.close()
            databases.drop_database(server_url, url)
            for what in found:
                print(f"--seed={round_seed}: {what}\n", flush=True)
            wrong.update(found)
            ended += fuzz.outcomes + commands.outcomes
            calls = Counter(name.partition(" ")[0] for name, _ in ended.elements())
            # Extreme values are put into rows before a call.
            functions = calls.total() - calls["command"] - calls["extreme"]
            print(f"{functions} calls of functions, {calls['command']} of commands, {wrong.total()} faults", flush=True)
            if time.monotonic() > until:
                break
            round_seed += 1
    print(report(ended))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tools.bot_api --port 8081``: the fake Bot API until it is stopped; prints its address and the token."""

import argparse

from pyapi.web.server import listen
from tools.bot_api.server import TOKEN, create_app, server


def main() -> None:
    """Serve on 127.0.0.1."""
    parser = argparse.ArgumentParser(prog="python -m tools.bot_api", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    port = parser.parse_args().port
    with listen("127.0.0.1", port) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", f"TELEGRAM_BOT_TOKEN={TOKEN}", flush=True)
        server(create_app()).run(sockets=[listener])


if __name__ == "__main__":
    main()

"""import pyapi needs psycopg and the standard library, and nothing of the web, the worker or the upgrade."""

import subprocess
import sys

PROGRAM = """
import sys

ALLOWED = {"pyapi", "psycopg", "psycopg_binary", "psycopg_c", "typing_extensions", "tzdata"}

class Refuser:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        # What is known of the build lies beside the standard library, under a name of the platform's.
        own = first in sys.stdlib_module_names or first.startswith("_sysconfigdata")
        if not own and first not in ALLOWED:
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Refuser())
import pyapi

for name in pyapi.__all__:
    getattr(pyapi, name)
try:
    pyapi.read_broadcast_id("no connection", "-1003268562225", "-1003253338212")
except TypeError as error:
    print(error)
with pyapi.typed_errors():
    pass
"""


def test_importing_pyapi_needs_psycopg_only() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "not a psycopg or SQLAlchemy connection or session: str\n"

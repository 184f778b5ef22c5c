"""What pytest does to the code under test: nothing."""

import sys
from pathlib import Path

from _pytest.assertion.rewrite import AssertionRewritingHook

HERE = Path(__file__).parent
PLUGINS = {"xdist", "_hypothesis_pytestplugin"}


def test_no_package_that_a_server_imports_late_is_rewritten() -> None:
    # Rewriting parses in the thread that imports, and Python up to 3.11.7 can't do that in two threads at once.
    rewritten = {
        name: Path(module.__file__)
        for name, module in list(sys.modules.items())
        if isinstance(getattr(module, "__loader__", None), AssertionRewritingHook) and module.__file__
    }
    assert rewritten
    others = {name for name, file in rewritten.items() if not file.is_relative_to(HERE)}
    assert {name.partition(".")[0] for name in others} <= PLUGINS

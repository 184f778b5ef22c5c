"""What pytest does to the code under test: nothing."""

import sys

from _pytest.assertion.rewrite import AssertionRewritingHook


def test_no_package_that_a_server_imports_late_is_rewritten() -> None:
    # Rewriting parses in the thread that imports, and Python up to 3.11.7 can't do that in two threads at once.
    rewritten = {
        name.partition(".")[0]
        for name, module in sys.modules.items()
        if isinstance(getattr(module, "__loader__", None), AssertionRewritingHook)
    }
    assert rewritten <= {"tests", "xdist", "_hypothesis_pytestplugin"}

"""Two or three sessions in every order at every isolation level: the rule holds, the outcome is the recorded one."""

from collections.abc import Callable, Iterator

import pytest

from tests.trust.interleave import Interleaver, Spec, all_orders, read_expected
from tests.trust.interleavings import SPECS


@pytest.fixture
def interleaver(database: str, superuser: Callable[[str], str]) -> Iterator[Interleaver]:
    """Three connections to a database with the rule, and one that looks."""
    interleaver = Interleaver(database, superuser(database))
    yield interleaver
    interleaver.close()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.name))
def test_every_order_keeps_the_rule_and_ends_as_recorded(interleaver: Interleaver, spec: Spec) -> None:
    assert list(all_orders(interleaver, spec)) == read_expected()[spec.name]

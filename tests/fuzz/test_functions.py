"""Whatever a SQL function is given: a clear refusal or success, never an internal error, never half of a change."""

import pytest
from hypothesis import strategies as st

from tests.fuzz import values
from tests.fuzz.functions import Fuzz, report

EXAMPLES = 8


def test_every_function_and_trigger_of_the_catalogue_refuses_clearly_or_succeeds(fuzz: Fuzz, seed: int) -> None:
    wrong = fuzz.run(EXAMPLES, seed)
    print(report(fuzz.outcomes))
    assert wrong == [], "\n\n".join(wrong)
    assert {function.name for function in fuzz.functions if not function.is_trigger} <= {n for n, _ in fuzz.outcomes}


def test_a_function_that_fails_unclearly_or_by_half_is_found(fuzz: Fuzz, seed: int) -> None:
    fuzz.owner.execute(
        "CREATE FUNCTION broadcast.divide(n integer) RETURNS integer LANGUAGE sql RETURN 1 / (n - n);"
        "CREATE FUNCTION broadcast.run(statement text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE statement; END';"
        "CREATE FUNCTION broadcast.hurt(n integer) RETURNS void"
        " LANGUAGE sql AS 'UPDATE public.main_clients_database SET sub_1_price = $$NaN$$'"
    )
    fuzz.look_up()
    fuzz.functions = [f for f in fuzz.functions if f.name in ("divide", "run", "hurt")]
    fuzz.watched = {}
    wrong = fuzz.run(EXAMPLES, seed)
    assert [text.partition(":")[0].partition("(")[0] for text in wrong] == ["divide", "hurt", "run"]


def test_a_type_that_nobody_knows_is_told() -> None:
    with pytest.raises(values.NoStrategy, match=r"area is of the type polygon: say in tests/fuzz/values\.py"):
        values.values("polygon", "area", {})
    assert isinstance(values.values("integer[]", "numbers", {}), st.SearchStrategy)

"""One table of a channel's fields, and what is made of it."""

import json
from dataclasses import fields
from decimal import Decimal

import pytest

from pyapi.channel import Channel
from pyapi.channels.fields import FIELDS, ChannelChanges, ChannelRegistration, form_attributes, to_json
from pyapi.channels.rows import parse_page
from pyapi.web.api.bodies import ChannelAnswer
from pyapi.web.api.examples import CHANNEL
from pyapi.web.dashboard.forms import FORM_FIELDS
from tools.databases import ROOT

# What nobody sets by hand.
_BY_THE_DATABASE = {"client_id", "created_by", "payout_threshold_updated_at"}


def test_every_column_that_a_client_sets_is_a_field_and_every_field_is_told_again() -> None:
    columns = {field.name for field in fields(Channel)} - _BY_THE_DATABASE
    assert FIELDS.keys() - {"tier_count"} == columns
    assert FIELDS.keys() <= ChannelAnswer.model_fields.keys()
    assert CHANNEL.keys() == ChannelAnswer.model_fields.keys()


def test_every_field_has_a_label_and_an_example_and_stands_in_the_form() -> None:
    form = (ROOT / "pyapi" / "web" / "dashboard" / "templates" / "channel_form.html").read_text().replace("%d", "1")
    for name, field in FIELDS.items():
        assert (field.title, field.examples) != (None, None), name
        assert f'"{name.replace("_2_", "_1_").replace("_3_", "_1_")}"' in form, name
        assert FORM_FIELDS[name].label == field.title


def test_changes_have_the_same_fields_and_limits_and_none_is_required() -> None:
    whole = ChannelRegistration.model_json_schema()["properties"]
    changes = ChannelChanges.model_json_schema()
    assert changes["properties"].keys() == whole.keys()
    assert "required" not in changes
    for name, schema in changes["properties"].items():
        limits = {key: value for key, value in whole[name].items() if key in {"pattern", "maxLength", "minLength"}}
        assert limits.items() <= schema["anyOf"][0].items(), name
        assert schema["title"] == whole[name]["title"]
    assert json.loads(to_json(ChannelChanges.model_validate({"sub_1_price": "6.50"}))) == {"sub_1_price": "6.50"}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("open_channel_id", {"maxlength": 14, "inputmode": "text", "required": ""}),
        ("closed_channel_description", {"maxlength": 140, "required": ""}),
        ("sub_1_price", {"maxlength": 11, "inputmode": "decimal", "required": ""}),
        ("sub_2_time", {"maxlength": 5, "inputmode": "numeric"}),
        ("notification_id", {"maxlength": 15, "inputmode": "numeric"}),
        ("payout_strategy", {}),
    ],
)
def test_attributes_of_a_form_come_from_the_fields_type(name: str, attributes: dict[str, object]) -> None:
    assert FORM_FIELDS[name].attributes == attributes
    assert form_attributes(name).items() <= attributes.items()


def test_row_is_read_from_a_newer_database_and_from_one_with_nulls() -> None:
    told = {**CHANNEL, "sub_1_price": 5.10, "payout_strategy": None, "state": "a new state", "of_tomorrow": [1]}
    around = {"passed": 0, "matching": 1, "total": 1, "states": {}, "before": None, "after": None}
    read = parse_page(json.dumps(around | {"channels": [told], "max_channels": 10, "of_tomorrow": 1}))
    (row,) = read.rows
    nothing: object = None
    assert row.payout_strategy is nothing
    assert (row.sub_1_price, row.notification_id) == (Decimal("5.1"), 6271402111)
    assert (row.state, row.updated_at and row.updated_at.utcoffset() is not None) == ("a new state", True)
    assert read.max_channels == 10

"""What is sent to be measured, as the decoder checks it: one class for each type, told apart by `type`."""

import datetime as dt
from typing import Annotated, Final

import msgspec

from deployments.models.experiments import LONGEST_SESSION_ID
from deployments.models.metrics import COST, GREATEST_VALUE, LATENCY, LONGEST_METRIC_NAME, LONGEST_UNIT, QUALITY

MOST_ITEMS: Final = 1_000
MOST_DIMENSIONS: Final = 20
#: How many bad items are named at most.
MOST_FAULTS: Final = 50
LONGEST_DIMENSION: Final = 200
GREATEST_WHOLE: Final = 2**53 - 1

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_METRIC_NAME)]
_Unit = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_UNIT)]
_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Text = Annotated[str, msgspec.Meta(max_length=LONGEST_DIMENSION)]
_Whole = Annotated[int, msgspec.Meta(ge=-GREATEST_WHOLE, le=GREATEST_WHOLE)]
_Dimensions = Annotated[dict[_Key, _Text | _Whole | float | bool | None], msgspec.Meta(max_length=MOST_DIMENSIONS)]
_Session = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SESSION_ID)]
_Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=GREATEST_VALUE)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
# Whose it is says what it means (deployments/attribution.py); a UUID made of each would cost more than all the rest.
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class _Item(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", kw_only=True, rename="camel"):
    """What an item says, whatever was measured."""

    version_id: _Id
    name: _Name
    unit: _Unit
    timestamp: _Moment | None = None
    dimensions: _Dimensions | None = None
    deployment_id: _Id | None = None
    session_id: _Session | None = None


class Cost(_Item, tag=COST, kw_only=True, rename="camel"):
    """What a call cost."""

    value: _Amount


class Latency(_Item, tag=LATENCY, kw_only=True, rename="camel"):
    """How long a call took."""

    value: _Amount


class Quality(_Item, tag=QUALITY, kw_only=True, rename="camel"):
    """How good an answer was, from 0 to 1."""

    value: _Share


Item = Cost | Latency | Quality
TYPE_OF: Final = {Cost: COST, Latency: LATENCY, Quality: QUALITY}

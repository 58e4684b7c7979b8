"""How large the numbers may be that a template gives to its filters."""

from collections.abc import Mapping
from typing import Any

from prompts.sandbox.budget import too_large
from prompts.sandbox.operations import Missing, kind_of

#: The largest number each of these arguments may be, checked on literals when a template is saved.
BOUNDS: Mapping[tuple[str, str], int] = {
    ("batch", "linecount"): 1_000,
    ("center", "width"): 1_000,
    ("indent", "width"): 100,
    ("round", "precision"): 15,
    ("slice", "slices"): 1_000,
    ("tojson", "indent"): 8,
    ("wordwrap", "width"): 1_000,
}
#: Longer text is no number.
DIGITS = 1_000


def bounded(filter_name: str, argument: str, value: Any, *, least: int = 0) -> int:
    if type(value) is Missing:
        raise value.error()
    if not isinstance(value, int):
        raise TypeError(f"`{filter_name}` needs a whole number, not {kind_of(value)}")
    maximum = BOUNDS[filter_name, argument]
    if value > maximum:
        raise too_large(f"{filter_name}({argument})", maximum)
    if value < least:
        raise ValueError(f"`{filter_name}` needs at least {least}")
    return value

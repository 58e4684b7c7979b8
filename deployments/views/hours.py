"""How many hours back is asked."""

from drf_spectacular.utils import OpenApiParameter

from deployments.measures import MOST_HOURS
from pvc.api import ApiViewSet
from pvc.errors import Invalid

DEFAULT_HOURS = 24
HOURS = OpenApiParameter(
    "hours",
    {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": DEFAULT_HOURS},
    description="How far back, from the start of the hour that was so many hours ago.",
)


def hours_asked(door: ApiViewSet) -> int:
    """Raises Invalid for what is no whole number from 1 to 8760."""
    text = door.query("hours") or str(DEFAULT_HOURS)
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_HOURS):
        raise Invalid.field("hours", f"Use a whole number from 1 to {MOST_HOURS}.")
    return int(text)

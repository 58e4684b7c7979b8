"""What the console's templates share: moments, digests, states as coloured words."""

import datetime as dt
from typing import Any, Final

import orjson
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

register = template.Library()

_COLOURS: Final = {
    **dict.fromkeys(("active", "pass", "approved", "production", "passed", "open"), "good"),
    **dict.fromkeys(("pre_prod", "warn", "minor", "staging", "pending", "modified", "running", "stale"), "fair"),
    **dict.fromkeys(("rejected", "block", "error", "major", "removed", "overridden", "failed", "closed"), "bad"),
    **dict.fromkeys(("EVALUATION_FAILED", "EVALUATION_ERROR"), "bad"),
    **dict.fromkeys(("EVALUATION_MISSING", "EVALUATION_PENDING", "EVALUATION_STALE", "SCORE_TOO_LOW"), "fair"),
    **dict.fromkeys(("on", "delivered"), "good"),
    **dict.fromkeys(("failing", "exhausted", "quarantined"), "bad"),
}
_MOVES: Final = {
    "set": "set by hand",
    "remove": "taken away",
    "promote": "promoted",
    "approve": "approved",
    "reject": "rejected",
    "override": "overridden",
    "rollback": "rolled back",
    "promote_pre_prod": "put up for approval",
    "activate": "went live",
    "archive": "archived",
}
_WORDS: Final = {
    "pre_prod": "pre-production",
    "active": "live",
    "EVALUATION_FAILED": "evaluation failed",
    "EVALUATION_ERROR": "evaluation in error",
    "EVALUATION_MISSING": "not evaluated",
    "EVALUATION_PENDING": "being evaluated",
    "EVALUATION_STALE": "evaluation stale",
    "SCORE_TOO_LOW": "score too low",
    "exhausted": "given up",
}


@register.simple_tag
def oidc_provider() -> str:
    """What people call the log-in provider; empty where there is none."""
    return str(settings.OIDC_PROVIDER_NAME) if settings.OIDC_ISSUER else ""


@register.filter
def ago(moment: dt.datetime | None) -> SafeString:
    """How long ago something was; the moment itself, in the reader's zone, on hover (console.js)."""
    if moment is None:
        return SafeString("never")
    past = timesince(moment, timezone.now(), depth=1)
    said = "just now" if past.startswith("0") else f"{past} ago"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', moment.isoformat(), f"{moment:%Y-%m-%d %H:%M:%S}", said
    )


@register.filter
def state(word: str) -> SafeString:
    """A status, a tag, a level, what stands in the way: as a coloured word."""
    return format_html('<span class="pv-state {}">{}</span>', _COLOURS.get(word, "plain"), _WORDS.get(word, word))


@register.filter
def how(kind: str) -> str:
    """In words, how a tag was moved (`TagMove.kind`)."""
    return _MOVES.get(kind, kind)


@register.filter
def took(run: Any) -> str:
    """How long something took that has ended, in the unit that fits."""
    seconds = (run.completed_at - (run.started_at or run.created_at)).total_seconds()
    if seconds < 120:
        return f"{max(seconds, 0):.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@register.filter
def is_plain(value: Any) -> bool:
    """Whether a JSON value is a text or a number, and reads well without brackets."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@register.filter
def short(digest: str) -> SafeString:
    """The first twelve digits of a digest; all of them on hover."""
    return format_html('<code class="pv-digest" title="{}">{}</code>', digest, digest[:12])


@register.filter
def as_json(value: Any) -> str:
    """A JSON value as a person reads it."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()

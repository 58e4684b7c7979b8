"""What is served, found for those who ask: the hot path's questions."""

from collections.abc import Mapping
from typing import Any

from prompts import template, tokens
from prompts.content import defaults_of
from prompts.models import Prompt, PromptVersion
from prompts.names import PRODUCTION
from prompts.template import Rendering
from pvc.errors import NotFound


def in_production(prompt: Prompt) -> PromptVersion:
    """The version that `production` points at. Raises PromptArchived and NotFound."""
    prompt.require_live()
    version = PromptVersion.objects.in_production_of(prompt).first()
    if version is None:
        raise NotFound("Nothing of this prompt is in production; tag a version, or render one by its number.")
    return version


def is_released(version: PromptVersion) -> bool:
    """Whether a version is or ever was in production."""
    return version.prompt.tag_moves.filter(tag=PRODUCTION, new=version).exists()


def rendered(version: PromptVersion, variables: Mapping[str, Any], *, strict: bool) -> Rendering:
    """The version's text with these values, its declared defaults standing in for absent ones."""
    return template.render(
        version.content, variables, defaults=defaults_of(version.variables), strict=strict, cache_key=version.pk
    )


def tokens_in(rendering: Rendering) -> int:
    """How many tokens a rendering has: an estimate (prompts/tokens.py)."""
    return tokens.estimate(rendering.text)

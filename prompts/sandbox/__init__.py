"""The fenced part of Jinja that prompts are written in. Start at `prompts.template`."""

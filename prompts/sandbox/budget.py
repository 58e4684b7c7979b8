"""What one rendering may spend: steps, depth and output, counted on the context Jinja hands around."""

from typing import Any, NamedTuple

from jinja2.runtime import Context

from pvc.errors import Unprocessable

STEPS = 20_000
OUTPUT_BYTES = 1_048_576
RANGE_ITEMS = 1_000
DEPTH = 64
#: Bytes that a comparison in C reads in the time of one step.
COMPARED_BYTES = 1_024
#: The text inside one list or mapping that a template builds.
BUILT_BYTES = 1_048_576
#: One step pays for this many bytes of text, or for as many values at `VALUE_BYTES` each.
STEP_BYTES = 64
VALUE_BYTES = 4


class RenderLimit(Unprocessable):
    """The template asks for more work than one rendering may do."""

    code = "RENDER_LIMIT"


class Group(NamedTuple):
    """What `groupby` yields: the common value, and the items that have it."""

    grouper: Any
    list: list[Any]

    def __repr__(self) -> str:
        return tuple.__repr__(self)


CONTAINERS = frozenset({list, tuple, dict, Group})


def out_of_steps() -> RenderLimit:
    message = (
        f"The template needs more than {STEPS:,} steps to render: "
        "loop over fewer items, or prepare the text before it is given as a variable."
    )
    return RenderLimit(message, limit="steps", maximum=STEPS)


def too_much_output() -> RenderLimit:
    message = f"The rendered text is larger than {OUTPUT_BYTES:,} bytes: print less, or loop over fewer items."
    return RenderLimit(message, limit="output", maximum=OUTPUT_BYTES)


def too_deep() -> RenderLimit:
    message = f"The template builds lists or mappings nested more than {DEPTH} deep: build them flatter."
    return RenderLimit(message, limit="depth", maximum=DEPTH)


def too_heavy() -> RenderLimit:
    message = (
        f"The template builds a list or mapping with more than {BUILT_BYTES:,} bytes of text: build a smaller one."
    )
    return RenderLimit(message, limit="built", maximum=BUILT_BYTES)


def too_large(name: str, maximum: int) -> RenderLimit:
    return RenderLimit(f"{name} may be at most {maximum:,}: use a smaller number.", limit=name, maximum=maximum)


class RenderContext(Context):
    """A template's variables together with the steps it has left."""

    steps_left = STEPS

    def spend(self, steps: int) -> None:
        self.steps_left -= steps
        if self.steps_left < 0:
            raise out_of_steps()

    def spend_on_bytes(self, size: int) -> None:
        self.steps_left -= 1 + size // STEP_BYTES
        if self.steps_left < 0:
            raise out_of_steps()

    def weigh(self, value: Any) -> tuple[int, int]:
        """The values and the bytes that a walk through a list or mapping meets, shared parts counted each time.

        Everything that a template builds is weighed before anyone sees it, so that printing,
        comparing or sorting it never costs more than the largest weight.
        """
        affordable = self.steps_left * STEP_BYTES // VALUE_BYTES
        values = size = 0
        level = [value]
        for _ in range(DEPTH):
            below: list[Any] = []
            for container in level:
                values += len(container)
                if values > affordable:
                    raise out_of_steps()
                children = container
                if type(container) is dict:
                    size += sum(len(key) for key in container if type(key) is str)
                    children = container.values()
                for child in children:
                    kind = type(child)
                    if kind is str:
                        size += len(child)
                    elif kind in CONTAINERS:
                        below.append(child)
            if size > BUILT_BYTES:
                raise too_heavy()
            if not below:
                return values, size
            level = below
        raise too_deep()

    def spend_on_walk(self, container: Any, times: int = 1) -> None:
        """Pay for comparing a list or mapping to its last letter, so many times."""
        values, size = self.weigh(container)
        self.spend(times * (1 + values * VALUE_BYTES // STEP_BYTES + size // COMPARED_BYTES))

    def spend_on_items(self, count: int) -> None:
        self.spend_on_bytes(count * VALUE_BYTES)

    def built(self, value: Any) -> Any:
        """Pay for a value that was just made, and pass it on."""
        kind = type(value)
        if kind is str:
            self.spend_on_bytes(len(value))
        elif kind in CONTAINERS:
            self.spend_on_items(self.weigh(value)[0])
        else:
            self.spend(1)
        return value

"""What the OpenAPI document says of a route, and how a route gets there.

A handler needs a docstring, its scope in `scopes`, and:

    @extend_schema(request=NewThing, responses={201: ThingOut})
    @refuses(AlreadyThere, errors.Gone)
    def create(self, request: Request) -> Response:
        \"""One line, which becomes the summary.

        Further sentences for a caller of the API become the description.
        \"""

- The class carries the tag: `@extend_schema(tags=["Prompts"])`, one of `document.TAGS`.
- `refuses` names the refusals of the verb itself. What the door refuses (key, scope, rate, body) is known from
  `pvc/api.py` and added by `operations.py`; naming PreconditionFailed also documents If-Match. A new code gets its
  line in `refusals.CODES`.
- A list is `page_of(Row)` or `list_of(Row)`; on the lifecycle surface `lifecycle_page_of(Row)`.
- A schema is named after its serializer without `Out` or `Form`. The lifecycle surface, which speaks snake_case,
  has names of its own: what a view with `cursor_field = "next_cursor"` sends is prefixed with `Lifecycle`.
- Each schema that goes over the wire by itself has an example in `story.EXAMPLES`, under its name.

The parts: `operations` (one route), `refusals` (errors), `parts` (parameters and headers), `plain` (routes that are
plain Django views), `events` (webhooks), `story` (examples), `document` (puts all of it together).
"""

from pvc.schema.lists import lifecycle_page_of, list_of, page_of
from pvc.schema.operations import ApiSchema, KeyScheme, MomentField, TextField
from pvc.schema.refusals import refuses

__all__ = [
    "ApiSchema",
    "KeyScheme",
    "MomentField",
    "TextField",
    "lifecycle_page_of",
    "list_of",
    "page_of",
    "refuses",
]

"""The ids in the story that the document's examples tell (story.py)."""

from typing import Final, NamedTuple


class _Ids(NamedTuple):
    tenant: str = "019ca000-0000-7000-8000-00000000ac3e"
    prompt: str = "019cade0-1c40-7d2a-9c11-3b5f0a6e7d10"
    version_1: str = "019cade0-1c41-7e9b-8f00-5d2c4b1a9e21"
    version_2: str = "019cade5-8b13-7a55-b3c4-81f0e2d39c42"
    tag: str = "019cade9-2f60-7b1c-a7d8-0c9e4f5a6b73"
    key: str = "019cadee-6a00-7c3d-94e2-7f8091a2b3c4"
    move: str = "019cade9-2f61-7f08-8d6e-2b3c4d5e6f84"
    event: str = "019cade9-2f62-7004-9a1b-4c5d6e7f8091"
    namespace: str = "019cadd8-4e10-7b6f-8a2d-5c6e7f809102"
    change: str = "019cadd9-7a21-7c80-9b3e-6d7f80910213"
    draft: str = "019cadeb-3d05-7e19-9c7a-1b2c3d4e5f60"
    tier: str = "019cadd8-9c3f-7d2e-8b4a-7e8f90a1b2c3"
    harness: str = "019cadda-0b12-7a31-9d4e-1f2a3b4c5d6e"
    case: str = "019cade1-5c20-7b42-8e5f-2a3b4c5d6e7f"
    webhook: str = "019cadda-2c34-7d64-8071-4c5d6e7f8091"
    delivery: str = "019cade9-3a55-7e75-9182-5d6e7f8091a2"
    evaluation: str = "019cade6-1d30-7c53-9f60-3b4c5d6e7f80"
    deployment: str = "019cadf0-5e70-7a84-8b1c-2d3e4f506172"
    control: str = "019cadf0-5e71-7b95-9c2d-3e4f50617283"
    variant: str = "019cadf0-5e72-7ca6-8d3e-4f5061728394"
    metric: str = "019cadf2-8c90-7db7-9e4f-506172839405"


ID: Final = _Ids()

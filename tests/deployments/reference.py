"""examples/assignment/assign.py as a module: the server is held against what clients are given."""

import importlib.util
from types import ModuleType

from tests.live import ROOT

FOLDER = ROOT / "examples" / "assignment"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assign", FOLDER / "assign.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

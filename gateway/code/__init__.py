"""Python code stored as data."""

from gateway.code.module_entry import ModuleEntry
from gateway.code.modules import ModuleRoot
from gateway.code.procedures import Procedure, ProcedureEntry, check
from gateway.code.root import CodeRoot

__all__ = ["CodeRoot", "ModuleEntry", "ModuleRoot", "Procedure", "ProcedureEntry", "check"]

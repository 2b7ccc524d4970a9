"""Python code stored as data."""

from gateway.code.procedures import Procedure, ProcedureEntry, check
from gateway.code.root import CodeRoot

__all__ = ["CodeRoot", "Procedure", "ProcedureEntry", "check"]

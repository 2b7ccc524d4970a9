"""Runners: each starts the jobs of one place when they are due."""

from gateway.runner.all_nodes import AllRunner
from gateway.runner.any_node import AnyRunner
from gateway.runner.context import NodeContext
from gateway.runner.entries import RunnerEntry, StateEntry, new_uid
from gateway.runner.error_log import ErrorEntry, ErrorLog
from gateway.runner.schedule import Decision, schedule
from gateway.runner.single import SingleRunner

__all__ = [
    "AllRunner",
    "AnyRunner",
    "Decision",
    "ErrorEntry",
    "ErrorLog",
    "NodeContext",
    "RunnerEntry",
    "SingleRunner",
    "StateEntry",
    "new_uid",
    "schedule",
]

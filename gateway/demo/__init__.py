"""``busgate demo``: what busgate is for, on simulated hardware."""

from gateway.demo.board import Board
from gateway.demo.demonstration import Demo
from gateway.demo.jobs import WARN_COLD
from gateway.demo.summary import Summary

__all__ = ["WARN_COLD", "Board", "Demo", "Summary"]

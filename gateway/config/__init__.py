"""The configuration of a node."""

from gateway.config.load import driver_mistakes, interface_options, load, parse
from gateway.config.sections import Config, InterfaceSection

__all__ = ["Config", "InterfaceSection", "driver_mistakes", "interface_options", "load", "parse"]

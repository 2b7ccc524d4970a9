"""Redundant radios: several receivers hear one telegram, and each job handles it once."""

from gateway.radio.listening import Heard, Listening
from gateway.radio.radio import Radio

__all__ = ["Heard", "Listening", "Radio"]

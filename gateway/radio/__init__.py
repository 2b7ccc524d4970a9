"""Redundant radios: several hear one telegram, and each job handles it once; several reach a device, and one does."""

from gateway.radio.listening import Heard, Listening
from gateway.radio.orders import Sent
from gateway.radio.radio import Radio
from gateway.radio.transmit import Transmit

__all__ = ["Heard", "Listening", "Radio", "Sent", "Transmit"]

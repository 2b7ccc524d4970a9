"""A USB 300 or TCM 310 of EnOcean, after EnOcean Serial Protocol 3 (ESP3), version 1.46."""

from hwsim.radio.enocean.firmware import EnoceanFirmware

__all__ = ["EnoceanFirmware"]

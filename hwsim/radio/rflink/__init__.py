"""The RFLink Gateway (firmware R48 on an Arduino Mega), after the RFLink Protocol Reference."""

from hwsim.radio.rflink.firmware import RflinkFirmware

__all__ = ["RflinkFirmware"]

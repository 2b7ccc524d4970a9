"""The RFXtrx433 of RFXCOM, after the RFXtrx SDK (RFXtrx.h, version 9)."""

from hwsim.radio.rfxtrx.firmware import RfxtrxFirmware

__all__ = ["RfxtrxFirmware"]

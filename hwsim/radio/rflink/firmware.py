"""The program of an RFLink gateway: banner, control commands, reports, and OK behind what was sent.

Source: RFLink Protocol Reference; the answer to VERSION and the banner as R48 gives them.

Theory of operation
 1. After power-up, REBOOT, or (with `reset_on_open`) each opening of the port, which pulls the reset of an Arduino,
    the boot loader takes 1.6 s. Then comes the banner, and the counter of lines begins anew.
 2. Commands are lines; both CR LF and LF end one. What is longer than 80 characters is dropped.
 3. An order is answered with OK when it has been sent. All else is answered at once: CMD UNKNOWN if nothing else.
 4. It does not look whether the air is free before it sends.
"""

from __future__ import annotations

from typing import Final

from hwsim.radio.firmware import Answer, Effect, Firmware, Outcome, Reboot, Transmit
from hwsim.radio.rflink.lines import fields, ordered
from hwsim.radio.signal import Band, Heard

_BOOT: Final = 1.6
_LONGEST: Final = 80
_BANNER: Final = "Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48;"
_VERSION: Final = "VER=1.1;REV=48;BUILD=07;"
_DEBUGS: Final = ("RFDEBUG", "RFUDEBUG", "QRFDEBUG")
_SETTINGS: Final = {
    "setrf433": ("setRF433", "ON"),
    "setnodonrf": ("NodoNRF", "OFF"),
    "setmilight": ("MilightNRF", "OFF"),
    "setlivingcolors": ("setLivingColors", "OFF"),
    "setansluta": ("setAnsluta", "OFF"),
    "setgpio": ("setGPIO", "OFF"),
    "setble": ("setBLE", "OFF"),
    "setmysensors": ("setMysensors", "OFF"),
}
"""Name in the status and first value of what can be switched on and off."""
_HOUSEKEEPING: Final = (
    "rtsclean", "rtsrecclean", "rtsshow", "rtsinvert", "rtslongtx", "tristateinvert", "licoclean", "licoshow",
    "eepclean",
)  # fmt: skip


class RflinkFirmware(Firmware):
    """State of one gateway."""

    kind = "rflink"
    band = Band.MHZ_433
    baud = 57600

    def __init__(self, *, reset_on_open: bool = False, reports_rssi: bool = False) -> None:
        super().__init__()
        self._reset_on_open = reset_on_open
        self._reports_rssi = reports_rssi
        self._settings = dict(_SETTINGS.values())
        self._counter = 0
        self._ready_at = 0.0
        self._buffer = b""

    def power_up(self, cause: int, now: float) -> list[Effect]:
        self._buffer = b""
        self._counter = 0
        self._ready_at = now + _BOOT
        return [Answer(self._line(_BANNER).data, after=_BOOT)]

    def opened(self, now: float) -> list[Effect]:
        return [Reboot()] if self._reset_on_open else []

    def listening(self, now: float) -> bool:
        return now >= self._ready_at and self._settings["setRF433"] == "ON"

    def from_host(self, data: bytes, now: float) -> list[Effect]:
        if now < self._ready_at:
            return []
        self._buffer += data
        effects: list[Effect] = []
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            effects += self._command(line.strip())
        if len(self._buffer) > _LONGEST:
            self._buffer = b""
            self.broken_frames += 1
        return effects

    def heard(self, heard: Heard, now: float) -> list[Effect]:
        text = fields(heard.content)
        if text is None:
            return []
        if self._reports_rssi:
            text += f"RSSI={round(heard.rssi):04d};"
        return [self._line(text)]

    def sent(self, order: bytes, outcome: Outcome) -> list[Answer]:
        return [self._line("CMD UNKNOWN;" if outcome is Outcome.REFUSED else "OK;")]

    def _command(self, line: bytes) -> list[Effect]:
        text = line.decode("ascii", errors="replace")
        if not text:
            return []
        if len(text) > _LONGEST or not text.startswith(("10;", "11;")):
            self.broken_frames += 1
            return []
        if text.startswith("11;"):
            echo = text.removeprefix("11;").split(";", 2)[-1]
            return [self._line("OK;"), self._line(echo)]
        answer = self._control(text.removeprefix("10;").rstrip(";"))
        if answer is not None:
            return answer
        content = ordered(text)
        return [Transmit(content, content.pace, content.pace.copies, line)] if content else [self._line("CMD UNKNOWN;")]

    def _control(self, text: str) -> list[Effect] | None:
        """The effects of a control command; None if it is none."""
        word, _, value = text.partition("=")
        value = value.upper()
        if word.upper() in _DEBUGS and value in {"ON", "OFF"}:
            return [self._line(f"{word.upper()}={value};")]
        if word.lower() in _SETTINGS and value in {"ON", "OFF"}:
            name = _SETTINGS[word.lower()][0]
            self._settings[name] = value
            return [self._line(f"{name}={value};")]
        match word.lower():
            case "reboot":
                return [Reboot()]
            case "ping":
                return [self._line("PONG;")]
            case "version":
                return [self._line(_VERSION)]
            case "status":
                return [self._line("STATUS;" + "".join(f"{name}={state};" for name, state in self._settings.items()))]
            case known if known in _HOUSEKEEPING:
                return [self._line("OK;")]
        return None

    def _line(self, text: str) -> Answer:
        data = f"20;{self._counter:02X};{text}\r\n".encode()
        self._counter = (self._counter + 1) % 256
        return Answer(data)

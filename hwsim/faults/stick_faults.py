"""Faults of radio sticks and their serial lines, as users of RFXtrx, RFLink and EnOcean gateways report them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PrivateAttr

from hwsim.faults.fault import STICKS, Fault
from hwsim.radio.line import Spoiler
from hwsim.radio.stick import Reply

if TYPE_CHECKING:
    from random import Random

    from hwsim.radio.site import RadioSite


class StickFault(Fault):
    target = "bus"
    among = STICKS


class Unplug(StickFault):
    """The stick is pulled: the port is gone, the host's connection breaks; it is back at the same path afterwards."""

    kind = "unplug"

    async def begin(self, site: RadioSite) -> None:
        await site.stick.unplug()

    async def end(self, site: RadioSite) -> None:
        await site.plug()


class Restart(StickFault):
    """The stick boots anew with its port open, as after a dip of the supply. What it was told is forgotten."""

    kind = "restart"
    usual_duration = 0.0

    async def begin(self, site: RadioSite) -> None:
        site.stick.restart()

    async def end(self, site: RadioSite) -> None:
        pass


class Hang(StickFault):
    """The program of the stick stands still: it takes nothing, hears nothing, says nothing."""

    kind = "hang"

    async def begin(self, site: RadioSite) -> None:
        site.stick.trouble.awake.close()

    async def end(self, site: RadioSite) -> None:
        site.stick.trouble.awake.open()


class Stuck(StickFault):
    """The stick takes no bytes from the host, which fills the host's buffer; it still reports what it hears."""

    kind = "stuck"

    async def begin(self, site: RadioSite) -> None:
        site.stick.trouble.reading.close()

    async def end(self, site: RadioSite) -> None:
        site.stick.trouble.reading.open()


class Silent(StickFault):
    """The stick answers the host, and hears nothing from the air: a broken antenna, a receiver that hangs."""

    kind = "silent"

    async def begin(self, site: RadioSite) -> None:
        site.stick.trouble.deaf += 1

    async def end(self, site: RadioSite) -> None:
        site.stick.trouble.deaf -= 1


class Jam(StickFault):
    """Something near the stick covers all that is weaker than `strength` dBm."""

    kind = "jam"

    strength: float = Field(default=-40.0, ge=-150, le=20)
    _before: float = PrivateAttr(0.0)

    async def begin(self, site: RadioSite) -> None:
        self._before = site.stick.noise
        site.stick.noise = self.strength

    async def end(self, site: RadioSite) -> None:
        site.stick.noise = self._before


class Loss(StickFault):
    """The stick misses more: so many telegrams, and of the rest so many copies."""

    kind = "loss"

    loss: float = Field(default=0.5, ge=0, le=1)
    copy_loss: float = Field(default=0.0, ge=0, le=1)
    _before: tuple[float, float] = PrivateAttr((0.0, 0.0))

    async def begin(self, site: RadioSite) -> None:
        self._before = site.stick.loss, site.stick.copy_loss
        site.stick.loss, site.stick.copy_loss = self.loss, self.copy_loss

    async def end(self, site: RadioSite) -> None:
        site.stick.loss, site.stick.copy_loss = self._before


class _ReplyFault(StickFault):
    """Changes how the next `count` telegrams of the host are treated, or all while it lasts."""

    count: int | None = Field(default=None, ge=1)
    _reply: Reply | None = PrivateAttr(None)

    def reply(self) -> Reply:
        """The treatment."""
        raise NotImplementedError

    async def begin(self, site: RadioSite) -> None:
        self._reply = self.reply()
        site.stick.trouble.replies.append(self._reply)

    async def end(self, site: RadioSite) -> None:
        # By identity: two treatments that say the same are two.
        replies = site.stick.trouble.replies
        replies[:] = [reply for reply in replies if reply is not self._reply]


class NoAck(_ReplyFault):
    """What the host sends goes out, but the stick never says so."""

    kind = "no_ack"

    def reply(self) -> Reply:
        return Reply(silent=True, count=self.count)


class Nak(_ReplyFault):
    """The stick refuses to send: no lock on the frequency, CMD UNKNOWN, RET_ERROR."""

    kind = "nak"

    def reply(self) -> Reply:
        return Reply(refuse=True, count=self.count)


class LateAck(_ReplyFault):
    """What the host sends goes out, and the stick says so `delay` seconds late."""

    kind = "late_ack"

    delay: float = Field(default=3.0, gt=0)

    def reply(self) -> Reply:
        return Reply(late=self.delay, count=self.count)


class Noise(StickFault):
    """So many random bytes come to the host out of nothing."""

    kind = "noise"
    usual_duration = 0.0

    length: int = Field(default=7, ge=1, le=4096)

    async def begin(self, site: RadioSite) -> None:
        site.stick.line.put(site.stick.random.randbytes(self.length))

    async def end(self, site: RadioSite) -> None:
        pass


class _SpoiltFrames(StickFault):
    """Changes the next `count` frames on their way to the host, or all while it lasts."""

    count: int | None = Field(default=None, ge=1)
    _spoiler: Spoiler | None = PrivateAttr(None)

    def spoil(self, data: bytes, random: Random) -> bytes:
        """What arrives in place of a frame."""
        raise NotImplementedError

    async def begin(self, site: RadioSite) -> None:
        self._spoiler = Spoiler(self.spoil, self.count)
        site.stick.line.spoilers.append(self._spoiler)

    async def end(self, site: RadioSite) -> None:
        spoilers = site.stick.line.spoilers
        spoilers[:] = [spoiler for spoiler in spoilers if spoiler is not self._spoiler]


class Torn(_SpoiltFrames):
    """Frames end too early, somewhere in the middle, or after `keep` bytes."""

    kind = "torn"

    keep: int | None = Field(default=None, ge=0)

    def spoil(self, data: bytes, random: Random) -> bytes:
        end = random.randrange(1, max(2, len(data))) if self.keep is None else self.keep
        return data[:end]


class Garbled(_SpoiltFrames):
    """Single bits of frames arrive flipped, somewhere behind the first byte."""

    kind = "garbled"

    bits: int = Field(default=1, ge=1, le=64)

    def spoil(self, data: bytes, random: Random) -> bytes:
        spoilt = bytearray(data)
        for _ in range(self.bits if len(spoilt) > 1 else 0):
            spoilt[random.randrange(1, len(spoilt))] ^= 1 << random.randrange(8)
        return bytes(spoilt)


class WrongLength(_SpoiltFrames):
    """Frames say that they are longer than they are, by `more` bytes; a line of RFLink loses its end instead."""

    kind = "wrong_length"

    more: int = Field(default=3, ge=1, le=100)

    def spoil(self, data: bytes, random: Random) -> bytes:
        if data.endswith(b"\r\n"):
            return data[:-2]
        place = 2 if data[0] == _ESP3_SYNC and len(data) > 3 else 0
        return data[:place] + bytes([(data[place] + self.more) % 256]) + data[place + 1 :]


class Repeated(_SpoiltFrames):
    """Frames arrive twice, one behind the other."""

    kind = "repeated"

    def spoil(self, data: bytes, random: Random) -> bytes:
        return data * 2


class Choppy(StickFault):
    """Frames arrive in portions of `portion` bytes with `pause` seconds between them."""

    kind = "choppy"

    portion: int = Field(default=1, ge=1)
    pause: float = Field(default=0.005, ge=0)

    async def begin(self, site: RadioSite) -> None:
        site.stick.line.portion, site.stick.line.portion_pause = self.portion, self.pause

    async def end(self, site: RadioSite) -> None:
        site.stick.line.portion = None


class SlowLine(StickFault):
    """Everything reaches the host `delay` seconds later, as over a bad network."""

    kind = "slow_line"

    delay: float = Field(default=0.5, gt=0)

    async def begin(self, site: RadioSite) -> None:
        site.stick.line.delay += self.delay

    async def end(self, site: RadioSite) -> None:
        site.stick.line.delay -= self.delay


_ESP3_SYNC = 0x55

KINDS: tuple[type[StickFault], ...] = (
    Unplug, Restart, Hang, Stuck, Silent, Jam, Loss, NoAck, Nak, LateAck, Noise, Torn, Garbled, WrongLength, Repeated,
    Choppy, SlowLine,
)  # fmt: skip

"""The protocols that recordings are shown and answered in."""

from hwsim.recording.dialects.dialect import Dialect
from hwsim.recording.dialects.enocean import EnOcean
from hwsim.recording.dialects.owserver import Owserver
from hwsim.recording.dialects.plain import Plain
from hwsim.recording.dialects.rflink import Rflink
from hwsim.recording.dialects.rfxtrx import Rfxtrx

DIALECTS: dict[str, type[Dialect]] = {dialect.kind: dialect for dialect in (Owserver, Rfxtrx, Rflink, EnOcean, Plain)}

__all__ = ["DIALECTS", "Dialect", "EnOcean", "Owserver", "Plain", "Rflink", "Rfxtrx"]

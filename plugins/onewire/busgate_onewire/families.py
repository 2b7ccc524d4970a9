"""Device families: what their attributes are called, what they mean, and how often they are worth reading.

Names, types and how soon a value changes are those of owserver 3.2 (its directory ``/structure``, and the manual pages
of the parts). Families that aren't listed work too; what is known of them then comes from the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

#: Type letters of ``/structure``: integer, unsigned, float, temperature, temperature difference, pressure, yes/no,
#: date, text, alias, binary.
Form: TypeAlias = Literal["i", "u", "f", "t", "g", "p", "y", "d", "a", "l", "b"]
#: How soon a value changes: fixed, stable, volatile, each second.
Change: TypeAlias = Literal["f", "s", "v", "t"]

_UNITS_BY_NAME: Final = {
    "humidity": "%",
    "VDD": "V",
    "VAD": "V",
    "vis": "V",
    "volt": "V",
    "volt2": "V",
    "latestvolt": "V",
    "latestvolt2": "V",
    "illuminance": "lx",
    "light": "lx",
    "current": "µA",
    "ppm": "ppm",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One file of a device.

    Attributes:
        verify: what was written can be read back.
        unit: as in Home Assistant, at the scales that we ask for (°C and mbar).
        array: of an element of an array: the array's name, and the element's number from 0; A and 0 are the first.
    """

    name: str
    form: Form
    access: Literal["ro", "rw", "wo", "oo"] = "ro"
    change: Change = "v"
    verify: bool = False
    unit: str | None = field(init=False)
    array: tuple[str, int] | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", _unit(self.name, self.form))
        object.__setattr__(self, "array", _element(self.name))

    @property
    def readable(self) -> bool:
        return self.access in ("ro", "rw")

    @property
    def writable(self) -> bool:
        return self.access in ("rw", "wo")

    @property
    def volatile(self) -> bool:
        """Whether a value is to be asked of the device rather than of the server's cache.

        owserver takes outputs and the power-on flag for stable; but a device that loses its supply changes them.
        """
        return self.change in ("v", "t") or self.name == "por" or self.name.startswith("PIO")


def _unit(name: str, form: Form) -> str | None:
    if name.endswith((".ALL", ".BYTE")):
        return None
    if form in ("t", "g"):
        return "°C"
    if form == "p":
        return "mbar"
    leaf = name.rsplit("/", 1)[-1].split(".")[0]
    return _UNITS_BY_NAME.get(leaf) if form in ("f", "u", "i") else None


def _element(name: str) -> tuple[str, int] | None:
    array, dot, element = name.rpartition(".")
    if not dot or "/" in element:
        return None
    if element.isdecimal():
        return array, int(element)
    return (array, ord(element) - ord("A")) if len(element) == 1 and element.isupper() else None


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of device.

    ``polled`` is what ``onewire.poll`` reads of it, each ``interval`` seconds (0: nothing is measured).
    """

    kind: str
    attributes: tuple[Attribute, ...] = ()
    polled: tuple[str, ...] = ()
    interval: float = 60.0
    #: Measures temperature by CONVERT T into a scratchpad that says 85 °C after power-on.
    thermometer: bool = False


def _array(
    name: str, elements: str, access: Literal["ro", "rw", "wo"] = "ro", *, change: Change = "v", bits: bool = True
) -> tuple[Attribute, ...]:
    form: Form = "y" if bits else "u"
    ends = [*elements, "BYTE", "ALL"] if bits else [*elements, "ALL"]
    return tuple(
        Attribute(
            f"{name}.{end}", "u" if end == "BYTE" else "a" if end == "ALL" else form, access, change, name == "PIO"
        )
        for end in ends
    )


_FIXED: Final = ("address", "crc8", "family", "id", "locator", "r_address", "r_id", "r_locator", "type")
_SAME_FOR_ALL: Final = (*(Attribute(name, "a", change="f") for name in _FIXED), Attribute("alias", "l", "rw", "f"))

_SCRATCHPAD: Final = Attribute("scratchpad", "b")
_THERMOMETER: Final = (
    Attribute("temperature", "t"),
    Attribute("latesttemp", "t"),
    Attribute("power", "y"),
    Attribute("temphigh", "t", "rw", "s", verify=True),
    Attribute("templow", "t", "rw", "s", verify=True),
)
_ADJUSTABLE: Final = (
    *_THERMOMETER,
    *(Attribute(f"temperature{bits}", "t") for bits in (9, 10, 11, 12)),
    Attribute("fasttemp", "t"),
    Attribute("tempres", "u", "rw", "s", verify=True),
)
_SENSED_AB: Final = ("sensed.A", "sensed.B")
_ALARM: Final = (Attribute("set_alarm", "u", "rw", "s", verify=True), Attribute("power", "y"))
_BATTERY_MONITOR: Final = (
    Attribute("temperature", "t"),
    Attribute("latesttemp", "t"),
    Attribute("humidity", "f"),
    Attribute("HIH3600/humidity", "f"),
    Attribute("HIH4000/humidity", "f"),
    Attribute("HIH5030/humidity", "f"),
    Attribute("HTM1735/humidity", "f"),
    Attribute("B1-R1-A/pressure", "p"),
    Attribute("S3-R1-A/illuminance", "f"),
    Attribute("S3-R1-A/current", "f"),
    Attribute("VAD", "f"),
    Attribute("VDD", "f"),
    Attribute("vis", "f"),
    Attribute("IAD", "y", "rw", "s", verify=True),
    Attribute("CA", "y", "rw", "s", verify=True),
    Attribute("EE", "y", "rw", "s", verify=True),
    Attribute("offset", "u", "rw", "s"),
    Attribute("date", "d", "rw"),
    Attribute("udate", "u", "rw", "t"),
)
_DS2438: Final = Family("DS2438", _BATTERY_MONITOR, ("temperature", "humidity", "VDD", "VAD"))
_CONVERTER: Final = (
    *(Attribute(f"{name}.{end}", "f") for name in ("volt", "volt2", "latestvolt") for end in "ABCD"),
    *(Attribute(f"PIO.{end}", "y", "rw", "s", verify=True) for end in "ABCD"),
    Attribute("power", "y", "rw", "s", verify=True),
)
_SWITCH_2: Final = (*_array("PIO", "AB", "rw"), *_array("sensed", "AB"))
_LATCH_2: Final = _array("latch", "AB", "rw")
_OCTAL: Final = "01234567"


def _environment(part: str, **forms: Form) -> Family:
    """A sensor of Embedded Data Systems; owserver keeps its values in a folder named like the part."""
    names = tuple(f"{part}/{name}" for name in forms)
    attributes = tuple(Attribute(name, form) for name, form in zip(names, forms.values(), strict=True))
    return Family(part, (*attributes, Attribute("device_type", "a", change="s")), names)


#: By family code, the first two digits of a ROM id.
FAMILIES: Final[dict[str, Family]] = {
    "28": Family("DS18B20", (*_ADJUSTABLE, _SCRATCHPAD), ("temperature",), thermometer=True),
    "22": Family("DS1822", (*_ADJUSTABLE, _SCRATCHPAD), ("temperature",), thermometer=True),
    "10": Family("DS18S20", (*_THERMOMETER, _SCRATCHPAD), ("temperature",), thermometer=True),
    "3B": Family(
        "DS1825",
        (
            *_ADJUSTABLE,
            _SCRATCHPAD,
            Attribute("thermocouple", "t"),
            *(Attribute(name, "y") for name in ("fault", "open_circuit", "ground_short", "vdd_short")),
            Attribute("prog_addr", "u", change="s"),
        ),
        ("temperature",),
    ),
    "42": Family("DS28EA00", (*_ADJUSTABLE, *_SWITCH_2, *_LATCH_2), ("temperature", *_SENSED_AB), thermometer=True),
    "3A": Family("DS2413", _SWITCH_2, (*_SENSED_AB, "PIO.A", "PIO.B"), 1.0),
    "12": Family(
        "DS2406",
        (
            *_array("PIO", "AB", "rw", change="s"),
            *_array("sensed", "AB"),
            *_LATCH_2,
            *_array("flipflop", "AB"),
            *_ALARM,
            Attribute("channels", "u", change="s"),
        ),
        (*_SENSED_AB, "latch.A", "latch.B"),
        1.0,
    ),
    "29": Family(
        "DS2408",
        (
            *_array("PIO", _OCTAL, "rw", change="s"),
            *_array("sensed", _OCTAL),
            *_array("latch", _OCTAL, "rw"),
            *_ALARM,
            Attribute("por", "y", "rw", "s", verify=True),
            Attribute("strobe", "y", "rw", "s", verify=True),
        ),
        (*(f"sensed.{n}" for n in _OCTAL), *(f"latch.{n}" for n in _OCTAL)),
        1.0,
    ),
    "26": _DS2438,
    "A6": _DS2438,  # the same part with bit 7 of its family code set, which owserver knows
    "20": Family("DS2450", _CONVERTER, tuple(f"volt.{end}" for end in "ABCD")),
    "1D": Family(
        "DS2423",
        (*_array("counter", "AB", bits=False), Attribute("mincount", "u", "rw")),
        ("counter.A", "counter.B"),
    ),
    "1F": Family(
        "DS2409",
        (
            *_array("branch", "01", "rw"),
            *_array("sensed", "01"),
            *_array("event", "01"),
            Attribute("control", "u", "rw", "s", verify=True),
            Attribute("clearevent", "y", "wo", "s"),
            Attribute("discharge", "y", "wo", "s"),
        ),
        interval=0.0,
    ),
    "01": Family("DS2401", interval=0.0),
    "81": Family("DS1420", interval=0.0),
}

#: By what ``device_type`` of family 7E says.
ENVIRONMENT: Final[dict[str, Family]] = {
    family.kind: family
    for family in (
        _environment("EDS0064", temperature="t"),
        _environment("EDS0065", temperature="t", humidity="f"),
        _environment("EDS0066", temperature="t", pressure="p"),
        _environment("EDS0067", temperature="t", light="u"),
        _environment("EDS0068", temperature="t", humidity="f", pressure="p", light="u"),
    )
}

#: A hub: its two branches are folders with further devices.
HUB: Final = "1F"
BRANCHES: Final = ("main", "aux")

_COMMON: Final = {attribute.name: attribute for attribute in _SAME_FOR_ALL}
_UNKNOWN: Final = Family("", interval=0.0)


def family_of(code: str, kind: str = "") -> Family:
    """What is known of a family; of an unknown one, nothing is polled."""
    return ENVIRONMENT.get(kind) or FAMILIES.get(code, _UNKNOWN)


def attribute_of(family: Family, name: str) -> Attribute | None:
    """The attribute of that name, if it is known here."""
    return next((attribute for attribute in family.attributes if attribute.name == name), _COMMON.get(name))


def from_structure(name: str, line: str) -> Attribute | None:
    """Read a line of ``/structure``, such as ``t,000000,000001,ro,000012,v,``; None when it is none."""
    fields = line.strip().split(",")
    if len(fields) < 6:
        return None
    form, access, change = fields[0], fields[3], fields[5]
    if form not in set("iuftgpydalb") or access not in ("ro", "rw", "wo", "oo"):
        return None
    if name.endswith(".ALL"):
        form = "a"
    elif name.endswith(".BYTE"):
        form = "u"
    stable = access == "rw" and change == "s"
    return Attribute(name, form, access, change if change in ("f", "s", "v", "t") else "v", stable)  # type: ignore[arg-type]

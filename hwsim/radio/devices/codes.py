"""Addresses as scenarios write them."""

from __future__ import annotations


def number(text: str, bits: int, what: str) -> int:
    """A hexadecimal address of so many bits.

    Raises:
        ValueError: it is none; the message says what it must be.
    """
    try:
        value = int(text, 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{text!r} is no {what}; write up to {-(-bits // 4)} hexadecimal digits ({bits} bits)")
    return value


def ac_house(text: str) -> int:
    """The house of an AC code. Raises ValueError when it is none, or 0, which no transmitter has."""
    house = number(text, 26, "AC address")
    if not house:
        raise ValueError("0 is no AC address; transmitters refuse it")
    return house


def arc_house(text: str) -> str:
    """The house of a code wheel. Raises ValueError when it is none."""
    if len(text) != 1 or not "A" <= text <= "P":
        raise ValueError(f"{text!r} is no house of a code wheel; write a letter from A to P")
    return text


def enocean_id(text: str) -> int:
    """An id of 32 bits. Raises ValueError when it is none, or one that means everybody."""
    value = number(text, 32, "EnOcean id")
    if value in {0, 0xFFFFFFFF}:
        raise ValueError(f"{text!r} is no id of a device; it stands for everybody")
    return value


def address(code: str | None, text: str) -> int | str:
    """The address of a sender, in the terms of its code. Raises ValueError when it is none."""
    match code:
        case "ac":
            return ac_house(text)
        case "arc":
            return arc_house(text)
        case "rts" | "x10":
            return number(text, 24, "address")
        case "oregon":
            return number(text, 16, "sensor id")
        case _:
            return enocean_id(text)

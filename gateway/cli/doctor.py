"""``busgate doctor``: looks at everything that a node needs, and says what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.context import in_loop
from gateway.cli.output import show_list
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.cli.context import Session
    from gateway.config import Config
    from gateway.doctor import Finding, Level
    from gateway.plugins import Plugins

PROBLEM, UNREACHABLE = 1, 3


@click.command("doctor")
@click.option("-q", "--quiet", is_flag=True, help="Only what is wrong.")
@in_loop
async def command(session: Session, quiet: bool) -> int:
    """Look at the configuration, plugins, clock, store, nodes, serial ports and hardware, and say what to do.

    Hardware is asked through the running node, else opened for the moment. Exit 0: no problem, though perhaps warnings;
    1: a problem; 3: the store can't be reached.
    """
    import random

    from gateway.clock import SystemClock
    from gateway.doctor.examination import Examination
    from gateway.doctor.machine import Machine

    config, mistakes, plugins = _set_up(session)
    done = Examination(Machine(), plugins, config, mistakes, clock=SystemClock(), random=random.Random())
    await done.run()
    levels = Counter(finding.level for finding in done.findings)
    _show([one for one in done.findings if one.level != "ok" or not quiet], as_json=session.json)
    if not session.json:
        click.echo(_summary(levels), err=True)
    return UNREACHABLE if done.unreachable else PROBLEM if levels["problem"] else 0


def _set_up(session: Session) -> tuple[Config | None, list[str], Plugins]:
    """The configuration if it can be read, all mistakes in it, and the plugins."""
    from gateway.cli.config import all_mistakes
    from gateway.plugins import Plugins

    try:
        config = session.config
    except ConfigError as error:
        return None, list(error.mistakes), Plugins.installed()
    return config, all_mistakes(session), session.plugins


def _show(findings: list[Finding], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [finding._asdict() for finding in findings]
    if not as_json:
        rows = [row | {"finding": _told(finding)} for row, finding in zip(rows, findings, strict=True)]
    show_list(rows, ["level", "check", "finding"], as_json=as_json, nothing="nothing is wrong")


def _told(finding: Finding) -> str:
    text = f"{finding.subject}: {finding.message}"
    return f"{text}\n-> {finding.advice}" if finding.advice else text


def _summary(levels: Counter[Level]) -> str:
    problems, warnings = levels["problem"], levels["warning"]
    counted = [(problems, "problem"), (warnings, "warning")]
    return ", ".join(f"{count or 'no'} {what}{'' if count == 1 else 's'}" for count, what in counted)

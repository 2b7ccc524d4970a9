"""The command `hwsim`; its subcommands are loaded when they are used."""

from __future__ import annotations

from pathlib import Path

import click

_SCENARIO = click.Path(exists=True, dir_okay=False, path_type=Path)
_CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="busgate", prog_name="hwsim")
def main() -> None:
    """Simulated hardware buses that real drivers take for real."""


@main.command()
@click.argument("scenario", type=_SCENARIO)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each bus.")
def serve(scenario: Path, as_json: bool) -> None:
    """Run the house of SCENARIO until SIGINT or SIGTERM.

    Prints where each bus listens as soon as it does.
    """
    from hwsim.command import serve as run

    run(scenario, as_json=as_json)


@main.command()
@click.argument("scenario", type=_SCENARIO)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each mistake.")
def check(scenario: Path, as_json: bool) -> None:
    """Look for mistakes in SCENARIO; prints all of them."""
    from hwsim.command import check as run

    run(scenario, as_json=as_json)


if __name__ == "__main__":
    main()

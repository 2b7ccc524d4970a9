"""``busgate run``: the jobs of one runner, and the runner itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import MOMENT, PATH, variables
from gateway.cli.context import in_loop
from gateway.cli.job_rows import Jobs
from gateway.cli.output import show_list, show_record
from gateway.errors import Misuse
from gateway.locations import Place
from gateway.runner.entries import RunnerEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cli.context import Session
    from gateway.path import Path


@dataclass(frozen=True, slots=True)
class Which:
    """Which runner: ``-g GROUP``; no ``-n``: any-node, ``-n NODE``: single-node, ``-n -``: all-node."""

    group: str
    node: str | None

    def __str__(self) -> str:
        words = ["run"] + (["-g", self.group] if self.group != "default" else [])
        return shlex.join(words + (["-n", self.node] if self.node is not None else []))

    def place(self, session: Session) -> Place:
        """Its place; an all-node runner's states are those of this node."""
        if self.node is None:
            return Place("any", self.group)
        if self.node == "-":
            return Place("all", self.group, session.config.node.name)
        return Place("at", self.group, self.node)


@click.group("run")
@click.option("-g", "--group", default="default", show_default=True, help="Group of the runner.")
@click.option("-n", "--node", metavar="NODE", help="Single-node runner of NODE; '-': all-node; without: any-node.")
@click.pass_context
def command(ctx: click.Context, group: str, node: str | None) -> None:
    """The jobs of one runner: of a node (-n NODE), of any node of a group, or of all (-n -)."""
    for option, given in (("--group", group), ("--node", node)):
        if given is not None and not given.strip():
            raise click.UsageError(f"{option}: the name is empty")
    ctx.meta["busgate.which"] = Which(group, node)


def which() -> Which:
    found: Which = click.get_current_context().meta["busgate.which"]
    return found


@command.command("all")
@in_loop
async def all_(session: Session) -> None:
    """Run all jobs of this runner, as its node, until SIGTERM or Ctrl-C."""
    from gateway.cli.up import run_node

    wanted = which()
    if wanted.node in (None, "-"):
        raise Misuse("this version has the single-node runner only: say as which node, with `run -n NODE all`")
    session.name = wanted.node
    await run_node(session, [wanted.group])


@command.command("list")
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def list_(session: Session, prefix: Path) -> None:
    """List the jobs at PREFIX and below: what they run, and when they start next."""
    place = which().place(session)
    async with session.store() as store:
        jobs = Jobs(store, session.config.locations, place)
        rows = await jobs.rows(prefix, as_json=session.json)
    show_list(
        rows,
        ["job", "code", "node", "state", "next start", "last end"],
        as_json=session.json,
        nothing=f"no jobs of {place.jobs} here; `busgate run set` makes one",
    )


@command.command("get")
@click.argument("path", type=PATH)
@in_loop
async def get(session: Session, path: Path) -> None:
    """Print a job."""
    async with session.store() as store:
        job = await Jobs(store, session.config.locations, which().place(session)).job(path)
    show_record({"path": path, **job.to_map()}, as_json=session.json)


@command.command("state")
@click.argument("path", type=PATH)
@in_loop
async def state(session: Session, path: Path) -> None:
    """Print the state of a job: when it ran, how that ended, when it starts next."""
    async with session.store() as store:
        jobs = Jobs(store, session.config.locations, which().place(session))
        shown = await jobs.explained(await jobs.job(path), await jobs.state(path))
    show_record({"path": path, **shown.to_map()}, as_json=session.json)


@command.command("path")
@click.argument("path", type=PATH, default=":")
@in_loop
async def path_(session: Session, path: Path) -> None:
    """Print where a job and its state stand in the store."""
    place, locations = which().place(session), session.config.locations
    show_record(
        {"path": path, "job": str(locations.jobs_of(place) + path), "state": str(locations.states_of(place) + path)},
        as_json=session.json,
    )


@command.command("restart")
@click.argument("path", type=PATH)
@in_loop
async def restart(session: Session, path: Path) -> None:
    """Run a job once more: set its target to now."""
    async with session.store() as store:
        jobs = Jobs(store, session.config.locations, which().place(session))
        await jobs.job(path)
        await jobs.change(path, {"target": store.clock.now()})


@command.command("delete")
@click.argument("path", type=PATH)
@click.option("-f", "--force", is_flag=True, help="Also while it runs: that run is cancelled.")
@in_loop
async def delete(session: Session, path: Path, force: bool) -> None:
    """Delete a job and its state."""
    async with session.store() as store:
        jobs = Jobs(store, session.config.locations, which().place(session))
        await jobs.job(path)
        running = (await jobs.state(path)).node
        if running is not None and not force:
            stop = f"busgate {which()} set {shlex.quote(str(path))} -t -"
            raise Misuse(f"{path} runs on {running}; stop it first with `{stop}`, or add --force")
        await jobs.delete(path)


def job_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each field of a job, and those that fill its data."""
    for option in reversed(
        [
            click.option("-c", "--code", type=PATH, help="Path of the procedure."),
            click.option("-t", "--target", type=MOMENT, help="When: seconds from now, an ISO time, or - (stop)."),
            click.option("-r", "--repeat", type=float, help="Seconds from a success to the next run; 0: none."),
            click.option("-d", "--delay", type=float, help="Seconds from a failure to the next try; 0: none."),
            click.option("-k", "--ok-after", type=float, help="Seconds of running that count as working."),
            click.option("-b", "--backoff", type=float, help="Factor on the delay for each further failure."),
            click.option("-i", "--info", help="For people."),
            click.option("--bus", help="Runs only where an interface of this bus is up."),
            click.option("--timeout", type=float, help="Seconds that a run may last; 0: no limit."),
            click.option("--queue", type=int, help="How many messages may wait for it."),
            click.option("--overflow", type=click.Choice(["stall", "coalesce", "block"]), help="With one more."),
            click.option("--max-failures", type=int, help="Failures in a row until it gives up; 0: never."),
            click.option("--on-detach", type=click.Choice(["stop", "keep"]), help="Without store (any-node)."),
            click.option("--weight", type=float, help="Its share of a node's load."),
            click.option("-C", "--copy", metavar="JOB", type=PATH, help="Start from a copy of this job."),
            click.option("-v", "texts", metavar="NAME TEXT", nargs=2, multiple=True, help="Data: text."),
            click.option("-p", "paths", metavar="NAME PATH", nargs=2, multiple=True, help="Data: a path."),
            click.option("-e", "values", metavar="NAME EXPR", nargs=2, multiple=True, help="Data: JSON or Python."),
            click.option("--unset", metavar="NAME", multiple=True, help="Data: without this name."),
        ]
    ):
        function = option(function)
    return function


@command.command("set")
@click.argument("path", type=PATH)
@job_options
@in_loop
async def set_(
    session: Session,
    /,
    path: Path,
    copy: Path | None,
    texts: Any,
    paths: Any,
    values: Any,
    unset: tuple[str, ...],
    **options: Any,
) -> None:
    """Make a job, or change one: what is not given stays as it is."""
    given = {name for name in options if _was_given(name)}
    changes = {name: options[name] for name in options if name in given}
    data = variables(texts, paths, values)
    if not path:
        raise click.UsageError("a job needs a path of at least one element")
    async with session.store() as store:
        jobs = Jobs(store, session.config.locations, which().place(session))
        base = None if copy is None else await jobs.job(copy)
        job = await jobs.change(path, changes, data=data, unset=unset, base=base)
        for oddity in RunnerEntry.check(job.to_map()):
            click.echo(f"note: {oddity}", err=True)
    if session.json:
        show_record({"path": path, **job.to_map()}, as_json=True)


def _was_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

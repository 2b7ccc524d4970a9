"""``busgate run``: the jobs of one runner, and the runner itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import MOMENT, PATH, variables
from gateway.cli.context import in_loop
from gateway.cli.job_rows import Jobs
from gateway.cli.output import date, show_list, show_record
from gateway.errors import Misuse, NotFound
from gateway.locations import Place
from gateway.runner.entries import RunnerEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.path import Path


@dataclass(frozen=True, slots=True)
class Which:
    """Which runner: ``-g GROUP``; no ``-n``: any-node, ``-n NODE``: single-node, ``-n -``: all-node."""

    group: str
    node: str | None
    nodes: int | None = None

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


def jobs_in(session: Session, store: Store) -> Jobs:
    """The jobs of the runner that the command line names."""
    place = which().place(session)
    return Jobs(store, session.config.locations, place, lambda: session.plugins.procedures)


@click.group("run")
@click.option("-g", "--group", default="default", show_default=True, help="Group of the runner.")
@click.option("-n", "--node", metavar="NODE", help="Single-node runner of NODE; '-': all-node; without: any-node.")
@click.option("--nodes", type=click.IntRange(min=1), help="With `all`: how many nodes make the group complete.")
@click.pass_context
def command(ctx: click.Context, group: str, node: str | None, nodes: int | None) -> None:
    """The jobs of one runner: of a node (-n NODE), of any node of a group, or of all (-n -)."""
    if nodes is not None and ctx.invoked_subcommand != "all":
        raise click.UsageError("--nodes goes with `all`; `busgate groups set GROUP --nodes N` stores it for a group")
    for option, given in (("--group", group), ("--node", node)):
        if given is not None and not given.strip():
            raise click.UsageError(f"{option}: the name is empty")
    ctx.meta["busgate.which"] = Which(group, node, nodes)


def which() -> Which:
    found: Which = click.get_current_context().meta["busgate.which"]
    return found


@command.command("all")
@click.option("--nodes", type=click.IntRange(min=1), help="How many nodes make the group complete (not with -n NODE).")
@in_loop
async def all_(session: Session, nodes: int | None) -> None:
    """Run the jobs of this runner, and no others, until SIGTERM or Ctrl-C.

    Without -n: those of the group that this node gets, each on one node of it. With -n NODE: those of that node, as it.
    With -n -: those that run on every node of the group.
    """
    from gateway.cli.up import run_node

    wanted = which()
    nodes = nodes or wanted.nodes
    if wanted.node in (None, "-"):
        kind = "any" if wanted.node is None else "all"
        await run_node(session, groups=[wanted.group], kinds=[kind], nodes=nodes)
        return
    if nodes is not None:
        raise Misuse("--nodes is for the nodes of a group (no -n, or -n -); a single-node runner is a group of one")
    session.name = wanted.node
    await run_node(session, groups=[wanted.group], kinds=["at"])


@command.command("info")
@in_loop
async def info(session: Session) -> None:
    """Show this runner: where its jobs stand, how many there are, and which nodes run them."""
    from gateway.cli.runner_view import describe

    async with session.store() as store:
        shown = await describe(jobs_in(session, store), store, session.config.locations, which().place(session))
    show_record(shown, as_json=session.json)


@command.command("monitor")
@click.argument("prefix", type=PATH, default=":")
@click.option("--only-new", is_flag=True, help="Not the states that are there already.")
@in_loop
async def monitor(session: Session, prefix: Path, only_new: bool) -> None:
    """Print the states of the jobs at PREFIX and below, then each change, until interrupted.

    With -n - those of all nodes.
    """
    from gateway.cli.runner_view import follow

    async with session.store() as store:
        locations, place = session.config.locations, which().place(session)
        await follow(store, locations, place, prefix, only_new=only_new, as_json=session.json)


@command.command("list")
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def list_(session: Session, prefix: Path) -> None:
    """List the jobs at PREFIX and below: what they run, and when they start next.

    NODE is who runs it; without -n: who holds it; with -n - there is a line for each node.
    """
    place = which().place(session)
    async with session.store() as store:
        rows = await jobs_in(session, store).rows(prefix, as_json=session.json)
    show_list(
        rows,
        ["job", "code", "node", "state", "next start", "last end"],
        as_json=session.json,
        nothing=f"no jobs of {place.jobs} here; `busgate {which()} set` makes one",
    )


@command.command("get")
@click.argument("path", type=PATH)
@in_loop
async def get(session: Session, path: Path) -> None:
    """Print a job."""
    async with session.store() as store:
        job = await jobs_in(session, store).job(path)
    show_record({"path": path, **job.to_map()}, as_json=session.json)


@command.command("state")
@click.argument("path", type=PATH)
@click.option("--on", metavar="NODE", help="With -n -: only on this node.")
@in_loop
async def state(session: Session, path: Path, on: str | None) -> None:
    """Print the state of a job: when it ran, how that ended, when it starts next.

    With -n - that of each node. Without -n, `holder` is the node that has claimed the job.
    """
    kind = which().place(session).kind
    if on is not None and kind != "all":
        raise click.UsageError("--on goes with -n -: other jobs have one state")
    async with session.store() as store:
        jobs = jobs_in(session, store)
        found = await jobs.standings(path, await jobs.job(path))
    shown = [one for one in found if on in (None, one.node)]
    if not shown:
        there = ", ".join(str(one.node) for one in found)
        raise NotFound(f"{path} has no state on {on}, and {on} runs no jobs of {which().group} (there are: {there})")
    for number, one in enumerate(shown):
        if number and not session.json:
            click.echo()
        whose = {"all": {"on": one.node}, "any": {"holder": one.node}, "at": {}}[kind]
        fields = one.state.to_map()
        if not session.json:
            fields |= {name: date(fields[name]) for name in ("started", "stopped", "pinged", "computed", "served")}
        show_record({"path": path, **whose, **fields}, as_json=session.json)


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
        jobs = jobs_in(session, store)
        await jobs.job(path)
        await jobs.change(path, {"target": store.clock.now()})


@command.command("delete")
@click.argument("path", type=PATH)
@click.option("-f", "--force", is_flag=True, help="Also while it runs: that run is cancelled.")
@in_loop
async def delete(session: Session, path: Path, force: bool) -> None:
    """Delete a job and its state (-n -: on all nodes)."""
    async with session.store() as store:
        jobs = jobs_in(session, store)
        await jobs.job(path)
        if not force:
            _refuse_while_running(path, await jobs.running_on(path))
        await jobs.delete(path)


def _refuse_while_running(path: Path, nodes: list[str]) -> None:
    if nodes:
        stop = f"busgate {which()} set {shlex.quote(str(path))} -t -"
        raise Misuse(f"{path} runs on {', '.join(nodes)}; stop it first with `{stop}`, or add --force")


@command.command("debug")
@click.argument("path", type=PATH)
@click.option("-v", "texts", metavar="NAME TEXT", nargs=2, multiple=True, help="Other data for this run: text.")
@click.option("-p", "paths", metavar="NAME PATH", nargs=2, multiple=True, help="Other data: a path.")
@click.option("-e", "values", metavar="NAME EXPR", nargs=2, multiple=True, help="Other data: JSON or Python.")
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds that this run may last; 0: no limit.")
@click.option("-f", "--force", is_flag=True, help="Also while it runs elsewhere.")
@in_loop
async def debug_(
    session: Session, path: Path, texts: Any, paths: Any, values: Any, timeout: float | None, force: bool
) -> int:
    """Run a job once, here and now, and show all that it does; Ctrl-C cancels it.

    What the code writes is written. Its state is not, no error is recorded, and no claim is taken. Its bus is used
    through the running node that has it, else opened for the moment. Exits 0 when the run finished, else 1.
    """
    from gateway.cli.debug import debug, overridden

    if which().node not in (None, "-"):
        session.name = which().node
    data, place = variables(texts, paths, values), which().place(session)
    async with session.store() as store:
        jobs = jobs_in(session, store)
        job = overridden(await jobs.job(path), data, timeout)
        if not force:
            running = await jobs.running_on(path)
            _refuse_while_running(path, [node for node in running if place.kind != "all" or node == place.node])
        return await debug(session, store, place, path, job)


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
            click.option("--bus", help="Runs only where an interface of this bus is up; -: anywhere."),
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
    if changes.get("bus") == "-":
        changes["bus"] = None
    data = variables(texts, paths, values)
    if not path:
        raise click.UsageError("a job needs a path of at least one element")
    async with session.store() as store:
        jobs = jobs_in(session, store)
        base = None if copy is None else await jobs.job(copy)
        job = await jobs.change(path, changes, data=data, unset=unset, base=base)
        for oddity in RunnerEntry.check(job.to_map()):
            click.echo(f"note: {oddity}", err=True)
    if session.json:
        show_record({"path": path, **job.to_map()}, as_json=True)


def _was_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

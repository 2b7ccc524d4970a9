"""Every hook, typed, in firing order; ``python -m gateway.hookspecs`` prints docs/hooks.md.

A plugin is a module named by an entry point of the group ``busgate``. It implements the hooks that it wants, as
functions of the same name marked with ``@hookimpl``::

    from gateway.hookspecs import hookimpl

    @hookimpl
    def busgate_register_drivers():
        return [MyDriver]

Importing this module loads pluggy alone, so a plugin's own start stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Driver
    from gateway.values import RegisteredProcedure

#: Name of the pluggy project, of the entry point group, and of the host's distribution.
PROJECT: Final = "busgate"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


@hookspec
def busgate_register_drivers() -> Sequence[type[Driver]]:  # type: ignore[empty-body]
    """Say which drivers the plugin brings.

    Called:
        Once, at the start of every command that needs drivers, right after all plugins have been imported and before
        any interface is opened. It should do no more than name classes: no I/O, no threads, no event loop.

    Returns:
        Concrete subclasses of ``gateway.abc.Driver``. The ``name`` of each is what ``driver = "..."`` in the
        configuration says: lower-case letters, digits, ``_`` and ``-``, beginning with a letter. ``options`` is a
        pydantic model that refuses unknown keys. A list may be empty.

    Raises:
        Whatever it raises is reported beside the plugin's name (``busgate plugins``), the plugin is left out, and the
        others work. So it is when what it returns is anything else. A driver name that two plugins register belongs to
        neither, until one of them is disabled.
    """


@hookspec
def busgate_register_procedures() -> Sequence[RegisteredProcedure]:  # type: ignore[empty-body]
    """Say which ready-made procedures the plugin brings for jobs to call.

    Called:
        Once, right after ``busgate_register_drivers``, under the same conditions.

    Returns:
        Procedures (``gateway.values.RegisteredProcedure``), each with the path by which a job's ``code`` names it. One
        is used wherever no procedure is stored at that path, so a stored one replaces it. The first element of the
        path should be the plugin's own name, as in ``onewire.poll``.

    Raises:
        As ``busgate_register_drivers``. A path that two plugins register belongs to neither.
    """


if __name__ == "__main__":
    from gateway.hooks_page import hooks_page

    print(hooks_page(), end="")  # noqa: T201 - it is what the module is run for

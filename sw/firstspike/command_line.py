"""The command line: put together from the sub-commands that the project's packages bring."""

import sys
from importlib.metadata import entry_points, version

import typer

from firstspike_spec.errors import UserError

GROUP = "firstspike.commands"

#: Exit codes.
WRONG_RESULTS, BAD_INPUT = 1, 2


def build() -> typer.Typer:
    """Return the application with all sub-commands."""
    app = typer.Typer(
        help="Train time-to-first-spike networks, and run them bit for bit the same in software and in hardware.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def _options(
    show_version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", is_eager=True, callback=lambda wanted: _show_version(wanted)
    ),
) -> None:
    """Train time-to-first-spike networks, and run them bit for bit the same in software and in hardware."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"firstspike {version('firstspike')}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Bad input ends with one line on standard error, and exit code 2."""
    try:
        build()()
    except UserError as error:
        print(f"firstspike: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)

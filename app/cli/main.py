"""`bifrost-cli`: the table of commands. Each is imported when it is called, so that `--help` is quick."""

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import click

from app import __version__
from app.cli.exits import Exit, Stop, Terminated, explain

#: Title -> name -> where it lives and what it does. The words are the first sentence of the command's own help.
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Analyses": {
            "submit": ("app.cli.submit:submit", "Submit logs, one analysis for each."),
            "local": ("app.cli.submit:local", "Submit logs to a model on your own machines, and wait."),
            "cloud": ("app.cli.submit:cloud", "Submit logs to a model in the cloud, and wait."),
            "batch": ("app.cli.batch:batch", "Analyze every log of a directory, and print a line for each."),
            "status": ("app.cli.analyses:status", "Show where analyses stand."),
            "result": ("app.cli.analyses:result", "Show the diagnosis of an analysis."),
            "list": ("app.cli.analyses:list_", "List analyses, newest first."),
            "history": ("app.cli.analyses:history", "List analyses, newest first: another name for `list`."),
            "export": ("app.cli.export:export", "Export analyses, newest first, as JSON lines or CSV."),
            "cancel": ("app.cli.analyses:cancel", "Cancel analyses."),
            "retry": ("app.cli.analyses:retry", "Send failed or cancelled analyses again."),
            "dead-letters": (
                "app.cli.dead_letters:dead_letters",
                "List, show, replay and discard what failed for good.",
            ),
            "webhooks": ("app.cli.webhooks:webhooks", "List deliveries of webhooks, and send them again."),
            "feedback": ("app.cli.feedback:feedback", "Say whether the diagnosis of an analysis was of use."),
            "prompts": (
                "app.cli.prompts:prompts",
                "List, store, label, share out and count what models are told, and keep it as files.",
            ),
            "filter": (
                "app.cli.logs:filter_",
                "Print the records of a log that are loud enough, say something, or happened at some time.",
            ),
            "templates": ("app.cli.logs:templates", "Count a log by severity and by template."),
            "stats": ("app.cli.stats:stats", "Show how many analyses ended lately, how, and how long they took."),
        },
        "On this machine": {
            "up": ("app.cli.up:up", "Run all of Bifrost on this machine until Ctrl-C."),
            "demo": ("app.cli.demo:demo", "Start Bifrost, diagnose the example logs, and stop it."),
        },
        "Processes": {
            "serve": ("app.cli.processes:serve", "Run the web process."),
            "worker": ("app.cli.processes:worker", "Run a worker of one stage."),
            "dispatcher": ("app.cli.processes:dispatcher", "Run the dispatcher."),
            "bridge": ("app.cli.processes:bridge", "Run the bridge to Kafka."),
        },
        "Administration": {
            "doctor": ("app.cli.doctor:doctor", "Check everything Bifrost depends on, and say what to do."),
            "heimdall": ("app.cli.heimdall:heimdall", "Show how the bridge to Kafka is, and make its topics."),
            "keys": ("app.cli.keys:keys", "Create, list, limit, rotate and revoke API keys."),
            "budgets": ("app.cli.budgets:budgets", "Show and set what projects may spend in a month."),
            "audit": ("app.cli.audit:audit", "List administrative acts, latest first."),
            "db": ("app.cli.database:db", "Upgrade, downgrade and show the database's schema."),
            "config": ("app.cli.configuration:config", "Show the effective settings."),
            "completion": (
                "app.cli.completion:completion",
                "Print the script that lets a shell complete commands and options.",
            ),
        },
    }
)


class Commands(click.Group):
    """Imports a command when it is called, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table."""
        return [name for part in COMMANDS.values() for name in part]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import it; None when there is no such command."""
        place = next((part[cmd_name][0] for part in COMMANDS.values() if cmd_name in part), None)
        if place is None:
            return None
        module, _, name = place.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{place} is not a command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """From the table: nothing is imported."""
        for title, part in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in part.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what people can act upon ends in one clear message."""
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as error:
            ctx.exit(Exit.TERMINATED if isinstance(error, Terminated) else Exit.INTERRUPTED)
        except BrokenPipeError:
            _silence_stdout()
            ctx.exit(Exit.PIPE_CLOSED)
        except Exception as error:
            stop = explain(error)
            if stop is None and not ctx.params["debug"]:
                name = type(error).__name__
                stop = Stop(f"unexpected {name}: {error}\nRun `bifrost-cli --debug …` to see where.", Exit.ERROR)
            if stop is None or ctx.params["debug"]:
                raise
            raise stop from error
        return result


_HELP = """A log goes in, a grounded diagnosis comes out.

\b
  bifrost-cli up                                         run Bifrost here
  kubectl logs deploy/api | bifrost-cli submit - --wait
  bifrost-cli submit build.log --wait --fail-on high --format github
"""


@click.group(cls=Commands, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bifrost-cli")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:  # noqa: ARG001 - read from the context
    """The group."""
    if os.environ.get("NO_COLOR"):  # noqa: TID251 - a habit of terminals, not a setting of ours
        ctx.color = False


def main() -> None:
    """The entry point."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (`>&-`), who wants to read nothing
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        # a terminal that cannot show a character gets a `?`, never a stack trace
        getattr(sys, name).reconfigure(errors="replace")
    cli(prog_name="bifrost-cli")


def _silence_stdout() -> None:
    """Python flushes stdout once more when it exits, and would complain about the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()

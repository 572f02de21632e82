"""A command whose options are settings."""

import copy
from collections.abc import Iterable
from typing import Any

import click

from scrap.settings import GROUPS, Setting


class SettingsCommand(click.Command):
    """Its help has the settings under their headings; those that are not `common` are in `--help-all`."""

    def __init__(self, *arguments: Any, headings: Iterable[str], common: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._groups = {
            heading: [_option(setting, common.split()) for setting in GROUPS[heading]] for heading in headings
        }
        about = "Show every option, those for tuning as well, and exit."
        help_all = click.Option(
            ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_help_all, help=about
        )
        self._others = [*self.params, help_all]
        self.params = [*self._others, *(option for group in self._groups.values() for option in group)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        others = [param for param in (*self._others, self.get_help_option(ctx)) if isinstance(param, click.Option)]
        for heading, options in {"Options": others, **self._groups}.items():
            if rows := [row for option in options if (row := option.get_help_record(ctx))]:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _option(setting: Setting, common: list[str]) -> click.Option:
    return click.Option(
        [f"--{setting.name}"],
        type=setting.type,
        metavar=None if isinstance(setting.type, click.Choice) else setting.type.name.removesuffix(" range").upper(),
        default=setting.default_text,
        show_default=True if setting.default_text else "none",
        envvar=setting.variable,
        show_envvar=True,  # errors name the variable
        help=setting.help,
        hidden=setting.name not in common,
    )


def _help_all(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given and not ctx.resilient_parsing:
        command = copy.deepcopy(ctx.command)
        for param in command.params:
            if isinstance(param, click.Option):
                param.hidden = False
        click.echo(command.get_help(ctx))
        ctx.exit()

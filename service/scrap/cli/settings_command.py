"""A command whose options are settings."""

import copy
from collections.abc import Iterable
from typing import Any

import click

from scrap.settings import GROUPS, Setting

_HEADINGS = {setting.key: heading for heading, settings in GROUPS.items() for setting in settings}


class SettingsCommand(click.Command):
    """Its help has the settings under their headings; those that are not `common` are in `--help-all`."""

    def __init__(self, *arguments: Any, headings: Iterable[str], common: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        settings = (setting for heading in headings for setting in GROUPS[heading])
        self.params += [_HELP_ALL, *(_option(setting, setting.name not in common.split()) for setting in settings)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (row := param.get_help_record(ctx)):
                sections.setdefault(_HEADINGS.get(param.name, "Options"), []).append(row)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _option(setting: Setting, hidden: bool) -> click.Option:
    return click.Option(
        [f"--{setting.name}"],
        type=setting.type,
        metavar=None if isinstance(setting.type, click.Choice) else setting.type.name.removesuffix(" range").upper(),
        default=setting.default_text,
        show_default=True if setting.default_text else "none",
        envvar=setting.variable,
        show_envvar=True,  # errors name the variable
        help=setting.help,
        hidden=hidden,
    )


def _help_all(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given and not ctx.resilient_parsing:
        command = copy.deepcopy(ctx.command)
        for param in command.params:
            if isinstance(param, click.Option):
                param.hidden = False
        click.echo(command.get_help(ctx))
        ctx.exit()


_ABOUT = "Show every option, those for tuning as well, and exit."
_HELP_ALL = click.Option(
    ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_help_all, help=_ABOUT
)

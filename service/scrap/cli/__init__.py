"""The command line: `scrap serve` and `scrap get URL...`."""

import os
from typing import Any

import click
import uvloop

from scrap import __version__, app
from scrap.cli.get_command import get
from scrap.cli.settings_command import SettingsCommand
from scrap.settings import GROUPS, Settings

_COMMON = """host port management-host management-port deadline max-fetches allowed-networks allowed-hosts allowed-ports
    user-agent accept-language cache-bytes cache-url page trusted-proxies log-format log-level log-queries log-clients
    sentry-dsn sentry-environment"""


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="scrap %(version)s")
def main() -> None:
    """Returns the Open Graph (ogp.me) of the page at a URL.

    \b
    Examples:
      scrap get https://ogp.me/      print what a chat shows of a page
      scrap serve --port 8080        serve it to programs
    """
    _open_standard_streams()


main.add_command(get)


@main.command(cls=SettingsCommand, headings=GROUPS, common=_COMMON, short_help="Serve the API.")
def serve(**values: Any) -> None:
    """Serve GET /api/v1/scrap?url=… until SIGTERM or Ctrl-C.

    Health, metrics and top clients are on the management port: /livez, /readyz, /metrics and /clients.

    \b
    Examples:
      scrap serve
      scrap serve --host 0.0.0.0 --port 80 --log-format json
      SCRAP_CACHE_URL=redis://cache:6379 scrap serve
    """
    try:
        uvloop.run(app.serve(Settings(values)))
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _open_standard_streams() -> None:
    """Opens /dev/null for each of descriptors 0 to 2 that is closed (`scrap get - <&-`): libuv aborts on those."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)

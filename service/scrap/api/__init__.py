"""HTTP in: the public API, its errors and description, and the management port."""

from scrap.api import openapi, scrap
from scrap.api.application import public_app
from scrap.api.client_reader import ClientPolicy, ClientReader
from scrap.api.connection import ConnectionLimits
from scrap.api.management import management_app
from scrap.api.server import Server, ServerLimits, listen, url_of

__all__ = ["ROUTES", "ClientPolicy", "ClientReader", "ConnectionLimits", "Server", "ServerLimits"]
__all__ += ["listen", "management_app", "public_app", "url_of"]

ROUTES = frozenset({scrap.PATH, openapi.PATH})

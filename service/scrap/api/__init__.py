"""HTTP in: the public API, its errors and description, and the management port."""

from scrap.api import explain, openapi, scrap
from scrap.api.application import public_app
from scrap.api.client_reader import ClientPolicy, ClientReader
from scrap.api.connection import ConnectionLimits
from scrap.api.explain import ExplainEndpoint
from scrap.api.management import management_app
from scrap.api.server import Server, ServerLimits, listen, url_of
from scrap.api.target_reader import TargetReader

__all__ = ["ROUTES", "ClientPolicy", "ClientReader", "ConnectionLimits", "ExplainEndpoint", "Server", "ServerLimits"]
__all__ += ["TargetReader", "listen", "management_app", "public_app", "url_of"]

ROUTES = frozenset({scrap.PATH, explain.PATH, openapi.PATH})

"""HTTP in: the public API, its errors, and the management port."""

from scrap.api import explain, scrap
from scrap.api.application import ExactRoute, public_app
from scrap.api.connection import ConnectionLimits
from scrap.api.cors import CORSPolicy, cors
from scrap.api.explain import ExplainEndpoint
from scrap.api.management import management_app
from scrap.api.server import Server, ServerLimits, listen
from scrap.api.target_reader import TargetReader

__all__ = ["ROUTES", "CORSPolicy", "ConnectionLimits", "ExactRoute", "ExplainEndpoint", "Server", "ServerLimits"]
__all__ += ["TargetReader", "cors", "listen", "management_app", "public_app"]

ROUTES = frozenset({scrap.PATH, explain.PATH})

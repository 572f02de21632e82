"""HTTP in: the public API, its errors and description, and the management port."""

from scrap.api import docs, explain, openapi, problem_pages, scrap
from scrap.api.application import public_app
from scrap.api.connection import ConnectionLimits
from scrap.api.cors import CORSPolicy, cors
from scrap.api.explain import ExplainEndpoint
from scrap.api.management import management_app
from scrap.api.server import Server, ServerLimits, listen, url_of
from scrap.api.target_reader import TargetReader

__all__ = ["ROUTES", "CORSPolicy", "ConnectionLimits", "ExplainEndpoint", "Server", "ServerLimits", "TargetReader"]
__all__ += ["cors", "listen", "management_app", "public_app", "url_of"]

ROUTES = frozenset({scrap.PATH, explain.PATH, openapi.PATH, docs.PATH, problem_pages.TEMPLATE})

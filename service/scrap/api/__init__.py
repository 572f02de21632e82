"""HTTP in: the public API, its errors, and the management port."""

from scrap.api import explain, scrap
from scrap.api.application import ExactRoute, application
from scrap.api.connection import ConnectionLimits
from scrap.api.cors import CORSPolicy, cors
from scrap.api.explain import explain_route
from scrap.api.load_shedder import LoadShedder
from scrap.api.management import management_app
from scrap.api.scrap import ScrapEndpoint
from scrap.api.server import Server, ServerLimits, listen, stop_signal
from scrap.api.target_reader import TargetReader

__all__ = ["ROUTES", "CORSPolicy", "ConnectionLimits", "ExactRoute", "LoadShedder", "ScrapEndpoint", "Server"]
__all__ += ["ServerLimits", "TargetReader", "application", "cors", "explain_route", "listen", "management_app"]
__all__ += ["stop_signal"]

ROUTES = frozenset({scrap.PATH, explain.PATH})

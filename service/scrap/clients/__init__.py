"""Who sends requests: the address of a client, and the list of those that send most."""

from scrap.clients.client_reader import NO_CLIENTS, ClientPolicy, ClientReader
from scrap.clients.top_clients import TopClients

__all__ = ["NO_CLIENTS", "ClientPolicy", "ClientReader", "TopClients"]

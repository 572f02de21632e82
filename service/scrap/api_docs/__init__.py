"""What describes the API: OpenAPI for machines, Swagger UI at `/docs`, and a page for each type of problem."""

from scrap.api_docs.description import ROUTES, routes

__all__ = ["ROUTES", "routes"]

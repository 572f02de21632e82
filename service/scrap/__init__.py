"""scrap answers a URL with the Open Graph of the page behind it."""

from importlib.metadata import version

__version__ = version("scrap")

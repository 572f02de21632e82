"""Reads the Open Graph of a page: bytes in, their meaning by ogp.me out. No I/O.

reader = PageReader(charset="utf-8")
while not reader.feed(await next_bytes()):
    while reader.is_behind: reader.feed()
reader.end()
while reader.is_behind: reader.feed()
reading = reader.close()
document = reading.document or read_with_html5lib(reading.text)
fields = open_graph(document, url).fields
"""

from scrap.opengraph.document import Bound, Document, FallbackReason
from scrap.opengraph.instead import instead_of
from scrap.opengraph.limits import ParseLimits
from scrap.opengraph.model import OpenGraph, open_graph
from scrap.opengraph.reader import PageReader, Reading
from scrap.opengraph.schema import SCHEMA
from scrap.opengraph.tree import read_with_html5lib

__all__ = [
    "SCHEMA",
    "Bound",
    "Document",
    "FallbackReason",
    "OpenGraph",
    "PageReader",
    "ParseLimits",
    "Reading",
    "instead_of",
    "open_graph",
    "read_with_html5lib",
]

"""Character references in attributes."""

from html.entities import html5

import pytest
from html5lib import constants

from scrap.opengraph.references import unescape


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("Fish &amp; Chips", "Fish & Chips"),
        ("&amp;amp;", "&amp;"),  # once
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("&copy", "©"),
        ("&copy;=", "©="),
        ("&copyx", "&copyx"),
        ("&notit;", "&notit;"),
        ("&notin;", "∉"),
        ("&AMP &amp&lt;", "& &<"),
        ("&nosuch; & &; &1;", "&nosuch; & &; &1;"),
        ("&acE;", "∾\u0333"),
        ("&#65;&#x42;&#X43", "ABC"),
        ("&#; &#x; &#xg;", "&#; &#x; &#xg;"),
        ("&#0;&#xD800;&#1114112;", "\ufffd\ufffd\ufffd"),
        ("&#128;&#x99;&#129;", "€™\x81"),
        ("&#13;&#xFFFE;", "\r\ufffe"),
        ("&#" + "0" * 5000 + "65;", "A"),
        ("&#" + "9" * 5000 + ";&#x" + "f" * 5000, "\ufffd\ufffd"),
    ],
)
def test_a_reference_means_what_the_standard_says_of_attributes(written: str, meant: str) -> None:
    assert unescape(written) == meant


def test_the_names_are_those_of_html5lib() -> None:
    assert html5 == constants.entities

"""Which charset a page is in."""

from importlib.util import find_spec

import pytest
import webencodings.labels

from scrap.opengraph import charset as charsets
from scrap.opengraph.charset import declared, decode, labelled
from tests import vectors
from tests.reference import read

_META = b'<meta property="og:title" content="%s">'


def title(page: bytes, charset: str | None = None) -> str | None:
    reading = read([page], charset=charset)
    assert reading.document
    return reading.document.metas[0][1]


@pytest.mark.parametrize("label", sorted(webencodings.labels.LABELS))
def test_every_label_of_the_standard_is_known(label: str) -> None:
    charset = labelled(f" {label.upper()}\n")
    assert charset
    assert charset == webencodings.labels.LABELS[label]
    assert decode(b"", charset) == ""


@pytest.mark.parametrize("label", ["", "utf-7", "none", "cp949x", "utf8mb4", "\x00", "é"])
def test_a_label_that_the_standard_does_not_know_is_none(label: str) -> None:
    assert labelled(label) is None


@pytest.mark.parametrize(
    ("label", "written", "meant"),
    [
        ("iso-8859-1", b"\x80 \x93", "€ “"),
        ("us-ascii", b"\xe9", "é"),
        ("euc-kr", b"\x8c\x63", "똠"),  # cp949 alone has it
        ("ks_c_5601-1987", "한국".encode("euc-kr"), "한국"),
        ("shift_jis", b"\x87\x40", "①"),  # cp932
        ("gb2312", "𠂉".encode("gb18030"), "𠂉"),  # four bytes: gb18030
        ("big5", b"\x87\x40", "䏰"),  # Hong Kong's
        ("windows-31j", "日本".encode("cp932"), "日本"),
        ("x-user-defined", b"\x80", "\uf780"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("koi8-r", "мир".encode("koi8-r"), "мир"),
    ],
)
def test_a_label_means_what_browsers_mean_by_it(label: str, written: bytes, meant: str) -> None:
    assert title(_META % written, label) == meant


@pytest.mark.parametrize(
    ("page", "header", "name"),
    [
        (b"\xef\xbb\xbf<meta charset=koi8-r>", "euc-kr", "utf-8"),
        ("\ufeff<p>".encode("utf-16-le"), "utf-8", "utf-16le"),
        ("\ufeff<p>".encode("utf-16-be"), None, "utf-16be"),
        (b"<meta charset=koi8-r>", "euc-kr", "euc-kr"),
        (b"<meta charset=koi8-r>", "no such thing", "koi8-r"),
        (b"<meta charset=koi8-r>", "", "koi8-r"),
        (b"<meta charset='nothing'><meta charset='big5'>", None, "big5"),
        (b"<meta name=viewport><meta CHARSET=' Shift_JIS '><meta charset=utf-8>", None, "shift_jis"),
        (b"<!-- <meta charset=koi8-r> --><title><meta charset=koi8-r></title>", None, "utf-8"),
        (b"<script>'<meta charset=koi8-r>'</script><meta charset=gbk>", None, "gbk"),
        (b"<meta charset=utf-16>", None, "utf-8"),
        (b"<meta charset=x-user-defined>", None, "windows-1252"),
        (b"<meta http-equiv=Content-Type content='text/html; CHARSET = \"euc-jp\"'>", None, "euc-jp"),
        (b"<meta http-equiv=content-type content='text/html;charset=charset=big5'>", None, "utf-8"),
        (b"<meta http-equiv=content-type content='charset big5; charset=big5;'>", None, "big5"),
        (b"<meta http-equiv=content-type content='text/html'>", None, "utf-8"),
        (b"<meta charset=bogus http-equiv=content-type content='text/html; charset=big5'>", None, "big5"),
        (b"<meta charset=big5 http-equiv=content-type content='text/html; charset=koi8-r'>", None, "big5"),
        (b"<meta http-equiv=refresh content='charset=big5'>", None, "utf-8"),
        (b"<meta content='charset=big5'>", None, "utf-8"),
        (b"x" * 5000 + b"<meta charset=koi8-r>", None, "koi8-r"),
        ("déjà vu".encode(), None, "utf-8"),
        ("déjà vu".encode()[:-5] + b"\xc3", None, "utf-8"),  # cut within a character
        ("déjà vu".encode("latin-1"), None, "windows-1252"),
        (b"", None, "utf-8"),
        (b"\xff", None, "windows-1252"),
        # XML declarations: a meta comes first, wherever it is; UTF-16 is no charset of what was readable as ASCII.
        (b"<?xml version='1.0' encoding='windows-1251'?><p>", None, "windows-1251"),
        (b'<?xml encoding\x00\t=\n"KOI8-R" ?><p>', None, "koi8-r"),
        (b"<?xml encoding='koi8-r'?><meta charset=gbk>", None, "gbk"),
        (b"<?xml encoding='koi8-r'?><meta charset=nothing>", None, "koi8-r"),
        (b"<?xml encoding='koi8-r'?>", "big5", "big5"),
        (b"\xef\xbb\xbf<?xml encoding='koi8-r'?>", None, "utf-8"),
        (b"<?xml encoding='utf-16'?>", None, "utf-8"),
        (b"<?xml encoding='iso-2022-jp'?>", None, "iso-2022-jp"),
        (b"<?xml encoding='no such'?>\xc3\xa9", None, "utf-8"),
        (b"<?xml encoding=koi8-r?>", None, "utf-8"),
        (b"<?xml encoding='koi8-r ?>", None, "utf-8"),
        (b"<?xml encoding=' koi8-r'?>", None, "utf-8"),
        (b"<?xml encoding encoding='koi8-r'?>", None, "utf-8"),
        (b"<?xml encoding='koi8-r'", None, "utf-8"),
        (b"<?XML encoding='koi8-r'?>", None, "utf-8"),
        (b" <?xml encoding='koi8-r'?>", None, "utf-8"),
        ("<?xml?><p>".encode("utf-16-le"), None, "utf-16le"),
        ("<?xml?><p>".encode("utf-16-be"), None, "utf-16be"),
        ("<?x".encode("utf-16-le"), None, "utf-16le"),
        ("<?y?><p>".encode("utf-16-le"), None, "utf-8"),
        ("<?xml?><p>".encode("utf-16-le"), "koi8-r", "koi8-r"),
    ],
)
def test_mark_then_header_then_declaration_then_utf_8_then_windows_1252(
    page: bytes, header: str | None, name: str
) -> None:
    assert read([page], charset=header).charset == name


_TITLES = [
    ("windows-1251", "cp1251", "Пример текста"),
    ("koi8-u", "koi8-u", "Пример текста страницы"),
    ("shift_jis", "cp932", "日本語のタイトル"),
    ("euc-jp", "euc-jp", "日本語のタイトル"),
    ("iso-2022-jp", "iso2022-jp", "日本語のタイトル"),
    ("gb18030", "gbk", "中文网站的标题"),
    ("big5", "big5", "繁體中文標題網站"),
    ("euc-kr", "cp949", "한국어 제목"),
    ("windows-1252", "cp1252", "Été à la plage, déjà vu"),
    ("windows-1250", "cp1250", "Příliš žluťoučký kůň"),
    ("windows-1253", "cp1253", "Καλημέρα κόσμε"),
    ("windows-1255", "cp1255", "שלום עולם"),
    ("windows-1256", "cp1256", "مرحبا بالعالم"),
    ("windows-1254", "cp1254", "Güneşli bir gün"),
    ("windows-874", "cp874", "สวัสดีชาวโลก"),
    ("iso-8859-2", "iso8859-2", "Zażółć gęślą jaźń"),
]


@pytest.mark.parametrize(("name", "codec", "text"), _TITLES)
def test_a_charset_that_nothing_declares_is_detected(name: str, codec: str, text: str) -> None:
    page = b"<head><!-- %s -->" % (b"x" * 5000) + _META % text.encode(codec)
    is_detected = find_spec("chardetng_py") is not None or name == "windows-1252"  # not on Python 3.14
    for size in (len(page), 700):
        reading = read([page[at : at + size] for at in range(0, len(page), size)])
        assert reading.document
        assert ((reading.charset, reading.document.metas[0][1]) == (name, text)) == is_detected


@pytest.mark.parametrize("codec", ["cp1251", "cp932"])
def test_without_the_detector_it_is_windows_1252(monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    monkeypatch.setattr(charsets, "chardetng", None)
    assert read([_META % "слова".encode(codec)]).charset == "windows-1252"
    assert read([_META % "слова".encode()]).charset == "utf-8"
    assert read([b"\x1b$B<p>"]).charset == "utf-8"


def test_an_escape_alone_is_no_charset() -> None:
    assert read(["\x1b[0m été".encode()]).charset == "utf-8"


def test_bytes_that_mean_nothing_do_not_change_the_charset() -> None:
    page = b"<meta charset=utf-8>" + _META % b"d\xc3\xa9j\xe0 vu"
    assert title(page) == "déj\ufffd vu"


def test_text_is_decoded_without_its_mark() -> None:
    assert read([b"\xef\xbb\xbfx"]).text == "x"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_mark(codec: str) -> None:
    assert title(("\ufeff" + _META.decode() % "日本").encode(codec)) == "日本"


def test_iso_2022_jp_hides_tags_from_who_reads_bytes() -> None:
    page = ("<meta charset=iso-2022-jp>" + _META.decode() % "笑顔").encode("iso-2022-jp")
    assert title(page) == "笑顔"
    assert read([page]).charset == "iso-2022-jp"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"\x1b$&aaaaaaaaaaaa", "\ufffd$&aaaaaaaaaaaa"),  # no escape of the standard: Python's decoder raises
        (b"\x1b$(D0!\x1b(B", "\ufffd$(D0!"),  # JIS X 0212, which Python's decoder knows in other variants
        (b"\x1b", "\ufffd"),
        (b"\x1b$", "\ufffd$"),
        (b"\x1b$Bam$s\x1b(B.", "瘢ん."),
        (b"\x1b$@am", "瘢"),
        (b'\x1b$B-!-"\x1b(B', "①②"),
        (b"\x1b(I15\x20\x60\x1b(J\\~a", "ｱｵ\ufffd\ufffd¥‾a"),
        (b"\x1b$Ba\x1b(Bx", "\ufffdx"),
        (b"\x1b$Ba\x80am", "\ufffd瘢"),
        (b"\x1b$B\x80am", "\ufffd瘢"),
        (b"\x1b$B\x7e\x7eam", "\ufffd瘢"),  # a pair without a character
        (b"\x1b$B\x1b$Bam", "\ufffd瘢"),  # nothing between two escapes
        (b"\x1b$B\x1b$&am", "\ufffd\u3046瘢"),
        (b"\x1b$Ba\x1b$&", "\ufffd\ufffdう"),
        (b"a\x0e\x0f\x80\xff", "a" + "\ufffd" * 4),
    ],
)
def test_iso_2022_jp_is_decoded_as_the_standard_says(written: bytes, meant: str) -> None:
    assert decode(written, "iso-2022-jp") == meant
    decoder = charsets.OPAQUE["iso-2022-jp"]("replace")
    assert "".join(decoder.decode(bytes([byte])) for byte in written) + decoder.decode(b"", True) == meant


def test_a_declaration_that_is_seen_only_at_the_end_counts() -> None:
    page = ("<meta charset=iso-2022-jp>" + _META.decode() % "笑").encode("iso-2022-jp")
    pieces = [page[:24], page[24:25], page[25:26]]
    assert read(pieces).charset == "iso-2022-jp"


def test_a_character_that_is_cut_off_before_a_piece_ends_costs_no_other() -> None:
    """Of gb18030's four bytes two are there; at the end of a text they are one error, before `<` the second is a 0."""
    assert decode(b"\x810<" * 16_384, "gb18030") == "\ufffd0<" * 16_384


def test_what_follows_such_a_declaration_is_read_anew() -> None:
    """The scanner waits for twice as much of a tag that is not complete, so it sees the rest of this one at the end."""
    beginning = b'<meta name=a content="' + b"x" * 200
    end = b'" charset=iso-2022-jp>' + b'<meta property=og:title content="\x1b$B">$"\x1b(B">'
    reading = read([beginning, end])
    assert reading.document
    assert reading.document.metas == [("og:title", "⊂あ")]


def test_a_charset_that_is_a_danger_reads_nothing() -> None:
    reading = read([_META % b"x"], charset="hz-gb-2312")
    assert (reading.charset, set(reading.text)) == ("replacement", {"\ufffd"})
    assert reading.document is not None
    assert reading.document.metas == []


def _transparent() -> list[str]:
    return sorted(set(webencodings.labels.LABELS.values()) - charsets.OPAQUE.keys())


@pytest.mark.parametrize("name", _transparent())
def test_a_byte_of_the_grammar_is_never_part_of_another_character(name: str) -> None:
    """What the scanner stands on: text may be cut at these bytes before it is decoded."""
    high = [bytes([byte]) for byte in range(0x80, 0x100)]
    leads = [
        *high,
        *(first + second for first in high[::3] for second in [b"\x30", b"\x39", b"\x81", b"\xa1", b"\xfe"]),
    ]
    leads += [first + b"\x30" + b"\x81" for first in high]
    for lead in leads:
        cut_off = decode(lead + b">>>", name)
        assert cut_off[-3:] == ">>>"
        for byte in b"\t\n\f\r \"'<=/!&-?#;":
            assert decode(lead + bytes([byte]) + b"xx", name) == cut_off[:-3] + chr(byte) + "xx"


def test_declarations_are_those_of_the_vectors() -> None:
    try:
        cases = vectors.encodings()
    except OSError as error:
        pytest.skip(f"html5lib's vectors cannot be fetched ({error})")
    found = {data: read([data]).charset for data, _ in cases}
    # Without a declaration, the vectors expect windows-1252. The standard's prescan takes scripts for markup, as it
    # may in 1,024 bytes; we look at all of the head, and a script's strings declare nothing.
    wrong = [
        data
        for data, name in cases
        if name != "windows-1252"
        and b"<script" not in data
        and b"<style" not in data
        and found[data] != (labelled(name) or "utf-8")
    ]
    assert wrong == []


def test_attributes_without_a_charset_declare_none() -> None:
    assert declared({b"property": b"og:title", b"content": b"charset=utf-8"}) is None

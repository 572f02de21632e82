"""`make demo` shows what it promises."""

import re

import pytest

from tests import demo


def test_the_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    demo.main()
    shown = capsys.readouterr().out
    assert "안녕하세요" in shown
    assert "200 {}" in shown
    assert '"reason": "blocked_address"' in shown
    assert re.search(r"^calls +300 ", shown, re.MULTILINE)
    assert re.search(r"^failures +15 +by whose fault: \{'caller': 0, 'web': 15, 'service': 0\}", shown, re.MULTILINE)
    assert re.search(r"^calls in total +306 ", shown, re.MULTILINE)

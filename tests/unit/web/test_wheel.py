"""The wheel, of which the image is made, has the page's templates, texts and static files."""

import subprocess
import zipfile
from pathlib import Path

from tests.words import ROOT

DATA = ("templates", "static", "texts")


def test_the_wheel_has_the_files_of_the_page(tmp_path: Path) -> None:
    build = ["build", "--offline", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run([ROOT / ".uv/bin/uv", *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    web = ROOT / "service/scrap/web"
    files = {str(path.relative_to(ROOT / "service")) for folder in DATA for path in (web / folder).iterdir()}
    assert len(files) == 8
    assert files <= names

"""Writes the dashboards: `make dashboards`."""

from scripts.dashboards.writing import FOLDER, written


def main() -> None:
    """Writes each file."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

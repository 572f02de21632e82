"""`python -m scrap`."""

from scrap.cli import main

main()

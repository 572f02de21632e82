"""`python -m scrap_operator` is `scrap-operator`."""

from scrap_operator.cli import main

main()

"""`python -m unsmear`, the command line; torchrun starts it so."""

from unsmear.cli import main

main()

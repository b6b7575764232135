"""`python -m brainbox_cli` is `brainbox`."""

from brainbox_cli.app import main

main()

"""`python -m modelmetry.cli`, for where the script is not on the path."""

from modelmetry.cli import main

main()

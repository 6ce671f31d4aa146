"""Entry point of the `model-devops` command."""

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from model_devops.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""``python -m archsearch`` is ``archsearch``."""

from archsearch.cli.app import main

if __name__ == "__main__":
    main()

"""The code around the blocks of an exported Python file; `archsearch.export` copies it unchanged.

`network` holds what differs from file to file: an export puts its own in place of that module.
"""

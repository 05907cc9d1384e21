"""What an exported Python file has around its blocks; `archsearch.export` copies it as it stands.

`network` holds what differs from file to file: an export puts its own in place of that module.
"""

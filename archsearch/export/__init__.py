"""Model definitions that need nothing of archsearch, checked before they are written."""

from archsearch.export.isolated import ExportError
from archsearch.export.python_file import export_python, export_yaml

__all__ = ["ExportError", "export_python", "export_yaml"]

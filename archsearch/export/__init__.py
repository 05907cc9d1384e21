"""Model definitions that run without archsearch, checked before they are written."""

from archsearch.export.description import Origin
from archsearch.export.isolated_run import ExportError
from archsearch.export.model_export import Exported, Format, export_model
from archsearch.export.python_file import export_python, export_yaml, python_text, yaml_text
from archsearch.export.selection import Selection, select
from archsearch.model.fusion import fuse

__all__ = [
    "ExportError",
    "Exported",
    "Format",
    "Origin",
    "Selection",
    "export_model",
    "export_python",
    "export_yaml",
    "fuse",
    "python_text",
    "select",
    "yaml_text",
]

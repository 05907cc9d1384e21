"""archsearch: architecture search and ablation for light-weight vision transformers."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("archsearch")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

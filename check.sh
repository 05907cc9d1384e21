#!/usr/bin/env bash
# The gate, the same at the desk and in CI: format, lint, types, documentation, tests.
# Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
ruff format --check .
ruff check .
mypy
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet --site-dir "$site"
pytest -m "not slow and not release" -n 2 --dist worksteal "$@"

#!/usr/bin/env bash
# Writes the lock files anew. Needs uv (`pip install uv`). Universal: one file serves every Python and platform.
set -euo pipefail
cd "$(dirname "$0")/.."
common=(--quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url)
uv pip compile "${common[@]}" --extra embedded pyproject.toml requirements/build.in --output-file requirements/run.txt "$@"
uv pip compile "${common[@]}" --extra dev pyproject.toml requirements/build.in --constraint requirements/run.txt --output-file requirements/dev.txt "$@"

#!/usr/bin/env bash
# The tests that need no Qt, run by a real Windows CPython under Wine, on Debian and the like.
#
#   packaging/wine/check.sh                       the queue, reading, changing and the command line
#   packaging/wine/check.sh tests/queue -k lock   these tests, with pytest's own options
#   packaging/wine/check.sh python -c '...'       that Python itself
#
# PRISMQ_WINE_PYTHON chooses 3.11 (default), 3.12 or 3.13. Wine is installed where that may be done (root, apt); where
# it can't be had the exit status is 77 and the last line says why. Wine's folder, Python and its packages are kept in
# the user's cache folder; the tests run on a copy of the checkout, in a folder whose name has a space and an umlaut.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

packages=(pytest pytest-timeout pytest-xdist hypothesis rich)
suites=(tests/queue tests/insight tests/operations tests/cli tests/test_cli.py)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$here/common.sh"

# The tests write and sync thousands of small files: in memory, where there is enough, backups and changes took 65 s
# instead of 166 on a machine whose disk was busy.
memory_folder() {
  local free_kib
  free_kib=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1) || return 0
  if [ "${free_kib:-0}" -gt 2000000 ] && [ -w /dev/shm ]; then
    mktemp -d -p /dev/shm prismq-wine.XXXXXX
  fi
}

run_tests() {
  local copy="$work/prismq im Prüfstand" where=()
  in_memory=$(memory_folder)
  [ -z "$in_memory" ] || where=(--basetemp "$(windows_path "$in_memory/tests")")
  mkdir "$copy"
  tar c -C "$root" --exclude=__pycache__ prismq_gui tests resources pyproject.toml constraints.txt dev.py README.md \
    docs CHANGELOG.md | tar x -C "$copy"
  cd "$copy"
  windows_python -c "import sys, sqlite3; print('Windows Python', sys.version.split()[0], 'with SQLite',
    sqlite3.sqlite_version, 'on Windows', '.'.join(map(str, sys.getwindowsversion()[:3])), 'of $(wine --version 2>/dev/null)')"
  # A test over its time ends the whole run on Windows, and processes start and files sync slowly under Wine.
  LIMIT_S=3000 windows_python -m pytest -p no:cacheprovider -o timeout=300 "${where[@]}" "$@"
}

in_memory=""
begin
trap 'rm -rf "$work" ${in_memory:+"$in_memory"}' EXIT
{
  get_wine
  make_prefix
  make_python
  case "${1:-}" in
    python) LIMIT_S=3000 windows_python "${@:2}" ;;
    "") run_tests "${suites[@]}" ;;
    *) run_tests "$@" ;;
  esac
} 9>&-

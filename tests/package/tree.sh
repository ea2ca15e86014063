# Sourced by the trials: a copy of this machine's tree to change, and rules to check there.
# shellcheck shell=bash

# make_tree FOLDER: what is in FOLDER/tree then is this machine's, and written to memory.
make_tree() {
  local layers=$1/layers tree=$1/tree
  mkdir -p "$tree" "$layers"
  # A hundred times what is written there.
  mount -t tmpfs -o size=512m tmpfs "$layers"
  mkdir "$layers/upper" "$layers/work"
  mount -t overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" overlay "$tree"
  mount -t proc proc "$tree/proc"
  mount -t tmpfs -o mode=755 tmpfs "$tree/run"
  mount -t tmpfs tmpfs "$tree/tmp"
  # Services may be asked for here.
  rm -f "$tree/usr/sbin/policy-rc.d"
  cp "$1"/*.deb "$tree/opt"
}

broken() { echo "broken: $*" >&2; exit 1; }
# rule WORDS COMMAND…: what must be true now.
rule() {
  local words=$1
  shift
  "$@" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; broken "$words"; }
  echo "  $words"
}
says() { local wanted=$1; shift; "$@" 2>&1 | tee /dev/stderr | grep -F -- "$wanted" >/dev/null; }

#!/bin/sh
# Installs, upgrades or removes Leeward's agent. May run any number of times; docs/agent.md says what it does and why.
set -eu

NAME='leeward agent'
LEAST_NODE=22.18.0

usage() {
  cat <<'EOF'
Usage: install.sh [options]            installs, or upgrades and keeps spool and configuration
       install.sh --remove             removes everything that it installed; the disks stay as they are

  --config <file>        what the control plane says to the agent (JSON); needed the first time
  --disk <path>          a disk to serve, in index order; may be repeated. None: those of before;
                         - keeps the place of a disk that was taken away
  --spool-limit <MiB>    most that the spool may hold
  --node <file|https:>   a Node.js archive (tar.gz) for machines without Node 22.18 or newer …
  --node-sha256 <hex>    … and its SHA-256, without which it is not unpacked
  --help                 this text

DESTDIR=<folder> puts everything below a folder, and starts nothing: for images and tests.
EOF
}

say() { printf '%s: %s\n' "$NAME" "$*"; }
fail() { printf '%s: %s\n' "$NAME" "$*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
program=$root/opt/leeward
settings=$root/etc/leeward
state=$root/var/lib/leeward
units=$root/etc/systemd/system

changed='' restart='' action=install config='' disks='' limit='' archive='' checksum=''
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --remove) action=remove; shift; continue ;;
    --config | --disk | --spool-limit | --node | --node-sha256)
      [ $# -gt 1 ] || fail "$1: needs a value" ;;
    *) usage >&2; fail "unknown argument $1" ;;
  esac
  case $1 in
    --config) config=$2 ;;
    --disk)
      # The unit's line splits them at blanks.
      case $2 in -) ;; *[!A-Za-z0-9/._:-]* | '' | [!/]*) fail "--disk: not an absolute path of plain characters: $2" ;; esac
      disks="$disks --disk $2" ;;
    --spool-limit)
      case $2 in *[!0-9]* | '') fail "--spool-limit: not a number: $2" ;; esac
      limit=$2 ;;
    --node) archive=$2 ;;
    --node-sha256) checksum=$2 ;;
  esac
  shift 2
done

# Starts and stops only on the running system.
control() { [ -n "$root" ] || systemctl "$@"; }

as_root() {
  [ -n "$root" ] && return
  [ "$(id -u)" = 0 ] || fail 'must be run by root'
  [ -d /run/systemd/system ] || fail 'this system is not run by systemd'
}

# Whole or not at all: a reader of the name finds the old file or the new one. Called as a plain command only, or the shell
# would go on behind a failure.
place() { # from to mode
  if [ -f "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  cp "$1" "$2.new"
  chmod "$3" "$2.new"
  mv -f "$2.new" "$2"
  changed=yes
}

recent() { # node
  [ -x "$1" ] && "$1" -e '
    const [have, need] = [process.versions.node, process.argv[1]].map((v) => v.split(".").map(Number));
    const at = need.findIndex((n, i) => n !== have[i]);
    process.exit(at === -1 || have[at] > need[at] ? 0 : 1);
  ' "$LEAST_NODE" 2>/dev/null
}

fetch() { # https-url file
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --proto '=https' --retry 5 --connect-timeout 30 -o "$2" "$1"
  else
    wget -q --https-only --tries 5 -O "$2" "$1"
  fi
}

bring_node() {
  [ -n "$checksum" ] || fail '--node: is not taken without --node-sha256'
  packed=$program/node.tar.gz.new
  case $archive in
    https://*) fetch "$archive" "$packed" || fail "$archive could not be fetched" ;;
    *://*) fail "--node: only https: $archive" ;;
    *) cp "$archive" "$packed" ;;
  esac
  if ! printf '%s  %s\n' "$checksum" "$packed" | sha256sum -c - >/dev/null 2>&1; then
    rm -f "$packed"
    fail "$archive has not the SHA-256 $checksum"
  fi
  rm -rf "$program/runtime.new"
  mkdir "$program/runtime.new"
  tar -xzf "$packed" -C "$program/runtime.new" --strip-components=1
  rm -f "$packed"
  recent "$program/runtime.new/bin/node" || fail "$archive holds no Node $LEAST_NODE or newer that runs here"
  rm -rf "$program/runtime"
  mv "$program/runtime.new" "$program/runtime"
}

# What the service may run: homes are hidden from it.
find_node() {
  found=$(command -v node 2>/dev/null || true)
  for one in "$program/runtime/bin/node" "$found"; do
    case $one in '' | /root/* | /home/*) continue ;; esac
    if recent "$one"; then printf '%s' "$one"; return; fi
  done
}

use_node() {
  node=$(find_node)
  if [ -z "$node" ]; then
    [ -n "$archive" ] || fail "there is no Node $LEAST_NODE or newer outside of homes; name an archive with --node"
    bring_node
    node=$program/runtime/bin/node
  fi
  node=${node#"$root"}
  [ "$(readlink "$program/node" 2>/dev/null || true)" != "$node" ] || return 0
  ln -sfn "$node" "$program/node.new"
  mv -f "$program/node.new" "$program/node"
  changed=yes
}

make_user() {
  [ -n "$root" ] && return
  getent group leeward >/dev/null || groupadd --system leeward
  getent passwd leeward >/dev/null ||
    useradd --system --gid leeward --home-dir /var/lib/leeward --no-create-home --shell /usr/sbin/nologin leeward
}

own() { # mode file…
  mode=$1; shift
  chmod "$mode" "$@"
  [ -n "$root" ] || chown root:leeward "$@"
}

# Disks and limit of before, unless others are named.
write_arguments() {
  file=$settings/agent.env
  old=$(sed -n "s/^LEEWARD_ARGUMENTS='\(.*\)'\$/\1/p" "$file" 2>/dev/null || true)
  [ -n "$disks" ] || disks=$(printf '%s' "$old" | grep -o -e ' *--disk [^ ]*' | tr -d '\n' || true)
  [ -n "$limit" ] || limit=$(printf '%s' "$old" | sed -n 's/.*--spool-limit \([0-9]*\).*/\1/p')
  disks=${disks# }
  printf "# Written by install.sh; --disk and --spool-limit change it.\nLEEWARD_ARGUMENTS='%s'\n" \
    "$disks${limit:+ --spool-limit $limit}" >"$settings/agent.env.draft"
  place "$settings/agent.env.draft" "$file" 0640
  rm -f "$settings/agent.env.draft"
}

install_agent() {
  as_root
  (cd "$here" && sha256sum -c --quiet SHA256SUMS) || fail 'the package is damaged: fetch it again'
  [ -n "$config" ] || [ -f "$settings/agent.json" ] || fail '--config: is needed the first time'
  make_user
  mkdir -p "$program" "$settings" "$state" "$units"
  # What a later removal or another disk is asked of.
  for part in install.sh leeward-agent.service leeward-disk@.service SHA256SUMS; do
    place "$here/$part" "$program/$part" 0644
  done
  # Nothing of it is in the path of the disks.
  changed=''
  use_node
  place "$here/leeward-agent.mjs" "$program/leeward-agent.mjs" 0644
  place "$here/leeward-agent.service" "$units/leeward-agent.service" 0644
  [ -z "$config" ] || place "$config" "$settings/agent.json" 0640
  write_arguments
  restart=$changed
  place "$here/leeward-disk@.service" "$units/leeward-disk@.service" 0644
  own 0750 "$settings"
  own 0640 "$settings/agent.json" "$settings/agent.env"
  chmod 0700 "$state"
  [ -n "$root" ] || chown leeward:leeward "$state"
  control daemon-reload
  if [ -z "$disks" ]; then
    say 'installed; it serves no disk yet: install.sh --disk <path>'
    return
  fi
  control enable --quiet leeward-agent.service
  if [ -n "$restart" ]; then control restart leeward-agent.service; else control start leeward-agent.service; fi
  say "installed${restart:+, and started anew}"
}

# A file system whose device goes away loses what it has not written.
in_use() {
  [ -z "$root" ] || return 1
  for unit in $(systemctl list-units --plain --no-legend --state=active 'leeward-disk@*' | cut -d' ' -f1); do
    number=${unit#leeward-disk@}
    device=nbd${number%.service}
    if grep -q "^/dev/${device}[p ]" /proc/mounts /proc/swaps || ls -d /sys/block/"$device"/holders/* /sys/block/"$device"/*/holders/* >/dev/null 2>&1; then
      printf '/dev/%s' "$device"
      return 0
    fi
  done
  return 1
}

remove_agent() {
  as_root
  if device=$(in_use); then
    fail "$device is in use: unmount it, and mount the disk itself instead; until then the agent goes on serving it"
  fi
  if [ -z "$root" ]; then
    for unit in $(systemctl list-units --all --plain --no-legend 'leeward-disk@*' | cut -d' ' -f1); do
      systemctl disable --now --quiet "$unit" || true
    done
    systemctl disable --now --quiet leeward-agent.service 2>/dev/null || true
  fi
  rm -f "$units/leeward-agent.service" "$units/leeward-disk@.service"
  control daemon-reload
  rm -rf "$program" "$settings" "$state"
  if [ -z "$root" ] && getent passwd leeward >/dev/null; then userdel leeward; fi
  say 'removed; the disks are as they were'
}

"${action}_agent"

#!/usr/bin/env bash
# run.sh [VOE-SERVER-OPTION]...: build VoE where out/bin is older than the sources, and
# run voe-server with the store var/voe and, in it, a volume "disk0" of 10 GiB.
#
# All options go to voe-server; --store and --volume take the place of those two, and a configuration file of both:
#   scripts/run.sh --nbd unix:/run/voe.sock
#   scripts/run.sh --store /srv/voe --volume mail=100GiB,compression=zstd
#   scripts/run.sh --config voe.toml
set -euo pipefail
caller=$PWD
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
root=$PWD
. scripts/common.sh

# What librocksdb.so, the .NET runtime and AoE load, and a minimal Debian may lack.
install_packages libgcc-s1 libpcap0.8 libstdc++6 openssl

server=$root/out/bin/voe-server
if [[ ! -e out/bin/.built || $(find src tools Directory.*.props global.json -not -path '*/bin/*' -not -path '*/obj/*' \
  \( -name '*.cs' -o -name '*.csproj' -o -name '*.props' -o -name global.json \) -newer out/bin/.built -print -quit) ]]; then
  echo "${0##*/}: building, half a minute" >&2
  scripts/build.sh >&2
fi

store=$root/var/voe volume='' listener=''
for ((i = 1; i <= $#; i++)); do
  next=$((i + 1))
  case ${!i} in
    --store | --store=*) store='' ;;
    --volume) volume=${!next-} ;;
    --volume=*) volume=${!i#*=} ;;
    --nbd) listener=${!next-} ;;
    --nbd=*) listener=${!i#*=} ;;
    -h | -\? | --help | --version) exec "$server" "$@" ;;
    --config | --config=* | --check-config)
      # The file says what is served and where; voe-server itself tells the addresses.
      cd "$caller"
      exec "$server" "$@"
      ;;
  esac
done
options=()
if [[ $store ]]; then
  mkdir -p "$store"
  options+=(--store "$store")
fi
if [[ -z $volume ]]; then
  volume=disk0
  options+=(--volume disk0=10GiB)
fi
volume=${volume%%=*}

case $listener in
  unix:*) address=(-unix "${listener#unix:}") ;;
  '') address=(127.0.0.1) ;;
  *) address=("${listener%:*}" "${listener##*:}") ;;
esac
cat >&2 <<ATTACH

To use $volume as a disk of this machine (apt-get install nbd-client, then as root):
  modprobe nbd
  nbd-client ${address[*]} /dev/nbd0 -N $volume
  mkfs.ext4 /dev/nbd0 && mount /dev/nbd0 /mnt
and to let it go: umount /mnt && nbd-client -d /dev/nbd0. Ctrl-C ends voe-server.

ATTACH
cd "$caller" # the paths in options are the caller's
exec "$server" "${options[@]}" "$@"

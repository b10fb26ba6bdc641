#!/usr/bin/env bash
# bench.sh [OPTION]...: measure voe-server over NBD beside `nbdkit file` and `qemu-nbd`
# (raw and qcow2) on the same disk.
# bench.sh open [OPTION]...: measure how long it takes to be ready again after kill -9;
# --help of it tells its options.
# bench.sh aoe [OPTION]...: only what is measured over AoE, beside vblade; --help of it
# tells its options. As root, for its network namespace.
#
#   --quick        a fourth of the data, one run of each: to see that all of it works
#   --runs N       medians of N runs (3)
#   --only CASE    only this case, or "aoe"; may be repeated. --list names them
#   --against NAME only beside this server: nbdkit, qemu, qcow2; may be repeated
#   --dir DIR      where store and file are made, on the disk to measure (var/bench)
#   --output FILE  where the report goes (docs/benchmarks.md; nothing is written there by
#                  --quick or --only unless this option says so)
#   --list         the cases, and nothing else
#
# fio is the client, over unix sockets. The servers take turns, so that a busy moment
# of the machine hits all. Installs fio, nbdkit, qemu-utils, vblade and the like where they are
# missing. The environment variable VOE_SERVER names another voe-server than out/bin's.
set -euo pipefail
caller=$PWD
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
root=$PWD
. scripts/common.sh

case ${1-} in
  -h | --help)
    sed -n '2,/^set/s/^#\( \|$\)//p' "scripts/bench.sh"
    exit 0
    ;;
esac
install_packages fio iproute2 libpcap0.8 nbdkit python3 qemu-utils vblade
if [[ -z ${VOE_SERVER-} && " $* " != *' --list '* ]]; then
  require_dotnet
  scripts/build.sh
  export VOE_SERVER=$root/out/bin/voe-server
fi
cd "$caller"
if [[ ${1-} == open ]]; then
  exec python3 "$root/scripts/bench_open.py" "${@:2}"
fi
if [[ ${1-} == aoe ]]; then
  exec python3 "$root/scripts/bench_aoe.py" "${@:2}"
fi
exec python3 "$root/scripts/bench.py" "$@"

#!/bin/bash
# aoe-random-writes.sh LINKS ADDRESS...: fio overwrites targets at random, all at once and many requests at a time, and
# verifies all of it. Each target must be reached over LINKS links, and each link must have carried some of it.
set -euo pipefail
links=$1
shift
for target; do
  device=$(aoe-attach "$target")
  for ((i = 0; i < 100; i++)); do
    paths=$(aoe-stat | awk -v target="e$target" '$1 == target { print split($3, names, ",") }')
    ((paths != links)) || break
    echo discover >/dev/etherd/discover
    sleep 0.1
  done
  ((paths == links)) || {
    echo "e$target is found over $paths links:"
    aoe-stat
    exit 1
  }
  (fio-check "$device" --size=8m && touch "/tmp/done.$target") &
done
wait
for target; do [[ -e /tmp/done.$target ]]; done
for ((link = 0; link < links; link++)); do
  read -r sent <"/sys/class/net/eth$link/statistics/tx_packets"
  ((sent > 500)) || {
    echo "eth$link sent only $sent frames"
    exit 1
  }
done

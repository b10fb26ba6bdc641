#!/bin/bash
# aoe-restarts.sh ADDRESS KILLS TYPE: a file system is filled while the server is killed and started again KILLS times;
# the kernel repeats what was in flight, and nothing may fail or be lost.
set -euo pipefail
device=$(aoe-attach "$1") kills=$2 type=$3
"mkfs.$type" -q "$device"
mount "$device" /mnt
(
  for ((i = 0; i < kills; i++)); do
    sleep "1.$((RANDOM % 10))"
    vm server-kill
    sleep "0.$((RANDOM % 10))"
    vm server-start
  done
  sleep 2
  touch /tmp/enough
) &
files=0
until [[ -e /tmp/enough ]]; do
  dd if=/dev/urandom of=/tmp/data bs=64k count=$((1 + RANDOM % 8)) status=none
  cp /tmp/data "/mnt/$files"
  sync "/mnt/$files" # fails if any write of the file did
  sha256sum <"/tmp/data" >"/tmp/sum.$files"
  if ((files >= 40)); then rm "/mnt/$((files - 40))" "/tmp/sum.$((files - 40))"; fi
  ((++files))
done
wait
umount /mnt
blockdev --flushbufs "$device"
mount "$device" /mnt
for sum in /tmp/sum.*; do sha256sum <"/mnt/${sum##*.}" | cmp - "$sum"; done
umount /mnt
fs-verify "$device" "$type"
echo "$files files were written over $kills deaths of the server"

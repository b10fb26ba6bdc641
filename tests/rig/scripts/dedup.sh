#!/bin/bash
# dedup.sh EXPORT MIB COPIES: an ext4 with MIB of random bytes, in COPIES files that are
# all the same, and as much again that differs from file to file; remounted and compared.
set -euo pipefail
device=$(nbd-attach "$1") mib=$2 copies=$3
mkfs.ext4 -q "$device"
mount "$device" /mnt
dd if=/dev/urandom of=/tmp/data bs=1M count="$mib" status=none
for ((i = 0; i < copies; i++)); do cp /tmp/data "/mnt/same$i"; done
for ((i = 0; i < 4; i++)); do dd if=/dev/urandom of="/mnt/other$i" bs=1M count=$((mib / 4)) status=none; done
(cd /mnt && sha256sum ./*[0-9]) >/tmp/sums
umount /mnt
blockdev --flushbufs "$device"
mount "$device" /mnt
(cd /mnt && sha256sum --quiet -c /tmp/sums)
umount /mnt
nbd-client -d "$device"
echo "$((copies + 1)) times $mib MiB are as they were written"

#!/bin/bash
# aoe-beside-nbd.sh ADDRESS EXPORT: one volume over AoE and NBD at once. Each writes a half of it while the other
# does; what one wrote, the other reads.
set -euo pipefail
aoe=$(aoe-attach "$1") nbd=$(nbd-attach "$2")
[[ $(blockdev --getsize64 "$aoe") == $(blockdev --getsize64 "$nbd") ]]
head -c 8M /dev/urandom >/tmp/data
half=$(($(blockdev --getsize64 "$aoe") / 2 >> 20))
dd if=/tmp/data of="$aoe" bs=64k oflag=direct status=none &
dd if=/tmp/data of="$nbd" bs=64k oflag=direct seek=$((half * 16)) status=none
wait $!
blockdev --flushbufs "$aoe" "$nbd"
dd if="$nbd" bs=1M count=8 iflag=direct status=none | cmp - /tmp/data
dd if="$aoe" bs=1M count=8 skip=$half iflag=direct status=none | cmp - /tmp/data
nbd-client -d "$nbd"
echo "both see what the other wrote"

#!/bin/bash
# aoe-file-system.sh ADDRESS TYPE PAYLOAD: a partition table on a target, and an ext4 or xfs in its second partition, filled,
# remounted and checked. The driver must have found that a frame takes PAYLOAD bytes, which the MTU decides.
set -euo pipefail
device=$(aoe-attach "$1")
report=$(aoe-sancheck)
[[ $(awk -v target="e$1" '$1 == target { print $3 }' <<<"$report") == "$3" ]] || {
  printf 'a frame does not take %s bytes:\n%s\n' "$3" "$report"
  exit 1
}
sfdisk -q "$device" <<<$',16MiB\n,'
blockdev --rereadpt "$device"
[[ $(sfdisk -d "$device" | grep -c "^${device}p") == 2 ]]
for ((i = 0; i < 100; i++)); do
  [[ ! -b ${device}p2 ]] || break
  sleep 0.05
done
fs-check "${device}p2" "$2"

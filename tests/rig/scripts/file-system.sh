#!/bin/bash
# file-system.sh EXPORT TYPE: an ext4, xfs or btrfs on an export, filled, remounted, trimmed and checked.
set -euo pipefail
device=$(nbd-attach "$1")
fs-check "$device" "$2"
nbd-client -d "$device"

#!/bin/bash
# ext4.sh EXPORT: an ext4 on an export, filled, remounted, trimmed and checked.
set -euo pipefail
fs-check "$(nbd-attach "$1")"
nbd-client -d /dev/nbd0

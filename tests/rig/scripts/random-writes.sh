#!/bin/bash
# random-writes.sh EXPORT: fio overwrites an export at random, many requests at a time, and verifies all of it.
set -euo pipefail
device=$(nbd-attach "$1")
fio-check "$device"
nbd-client -d "$device"

#!/usr/bin/env bash
# build.sh: build voe-server, voe and voe-fsck for use into out/bin.
#
# The programs need the .NET 10 runtime of the machine they run on. On x86-64 they are
# compiled ahead of time (ReadyToRun), which makes a start quicker; elsewhere the
# runtime compiles them as they run. Nothing is installed and no build server is left running.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. scripts/common.sh

require_dotnet
publish=(-c Release -o out/bin -v quiet -nologo)
if [[ $(uname -m) == x86_64 ]]; then
  publish+=(-r linux-x64 --self-contained false -p:PublishReadyToRun=true -p:DisableTransitiveFrameworkReferenceDownloads=true)
fi
rm -rf out/bin
for project in src/Voe.Server tools/voe tools/voe-fsck; do
  quietly dotnet publish "$project" "${publish[@]}"
done
# The package brings one library for each way to run RocksDB; only glibc's own serves here.
rm -f out/bin/librocksdb-{jemalloc,musl}.so
touch out/bin/.built # run.sh compares the sources with it
echo "built: $PWD/out/bin/voe-server, voe, voe-fsck"

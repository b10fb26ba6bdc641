#!/usr/bin/env bash
# test.sh [--long] [--filter EXPRESSION] [PROJECT]...: build VoE and run its tests.
#
#   --long              also the tests marked explicit, and more rounds of the random ones
#   --filter EXPRESSION only the tests that match, as `dotnet test --filter` takes it:
#                       FullyQualifiedName~Crash
#   PROJECT             only these test projects: Voe.Store.Tests (all)
#
# First it installs what the tests need and this machine lacks: the packages below, by apt
# (with sudo unless root), and the image of the virtual machine for the kernel tests.
# Tests that cannot run here are skipped, and it says which and why.
#
# The last line is "N passed, N failed" or "N passed, N failed, N skipped". The exit
# status is 0 only when something ran and nothing failed.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. scripts/common.sh

# The clients and reference servers that the conformance tests drive, shellcheck for the scripts' own test,
# python3 for the summary; QEMU and the rest of the rig's tools are installed by tests/rig/vm-image.
readonly PACKAGES=(aoetools b3sum e2fsprogs fio iproute2 libnbd-bin libnbd0 libpcap0.8 mount nbd-client nbdkit openssl procps
  python3 python3-libnbd qemu-utils shellcheck vblade)
# The longest that one test may take before its run is ended, and counts as failed.
readonly HANG=8m

long='' filter='' projects=()
while (($#)); do
  case $1 in
    --long) long=yes ;;
    --filter)
      filter=${2:?--filter wants an expression}
      shift
      ;;
    -h | --help)
      sed -n '2,/^set/s/^#\( \|$\)//p' "$0"
      exit 0
      ;;
    -*) die "unknown option $1; see --help" ;;
    *) projects+=("$1") ;;
  esac
  shift
done

require_dotnet
install_packages "${PACKAGES[@]}"

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export COUNTS=$results/counts
: >"$COUNTS"

# check NAME COMMAND...: one check that is not a test project; it counts as one test.
check() {
  local name=$1 status=0
  SECONDS=0
  "${@:2}" >"$results/log" 2>&1 || status=$?
  if ((status)); then
    sed 's/^/      /' "$results/log"
    echo "0 1 0" >>"$COUNTS"
  else
    echo "1 0 0" >>"$COUNTS"
  fi
  echo "$name: $( ((status)) && echo FAILED || echo passed) ($SECONDS s)"
}

# The kernel tests say themselves why they are skipped where this was of no use.
if ((EUID == 0)) && [[ -c /dev/net/tun && " ${projects[*]:-Voe.Conformance.Tests} " == *" Voe.Conformance.Tests "* ]]; then
  tests/rig/vm-image >/dev/null || echo 'the image of the virtual machine could not be made: kernel tests will be skipped'
fi

SECONDS=0
if ! (scripts/build.sh && quietly dotnet build Voe.sln -c Release -v quiet -nologo); then
  echo '0 passed, 1 failed'
  exit 1
fi
echo "built in $SECONDS s"
export VOE_SERVER=$PWD/out/bin/voe-server
if [[ -z $filter && ${#projects[@]} == 0 ]]; then
  check 'dotnet format' dotnet format Voe.sln --verify-no-changes --no-restore
fi

((${#projects[@]})) || mapfile -t projects < <(cd tests && printf '%s\n' Voe.*.Tests)
for project in "${projects[@]}"; do
  project=$(basename "$project")
  [[ -e tests/$project/$project.csproj ]] || die "there is no test project tests/$project"
  options=(-c Release --no-build -v quiet -nologo --results-directory "$results/$project" --logger trx
    --blame-hang-timeout "$HANG" --blame-hang-dump-type none)
  [[ -z $filter ]] || options+=(--filter "$filter")
  if [[ $long ]]; then
    export VOE_TEST_LONG=1
    options+=(-- xUnit.Explicit=on)
  fi
  SECONDS=0 status=0
  dotnet test "tests/$project" "${options[@]}" </dev/null >"$results/log" 2>&1 || status=$?
  mkdir -p "$results/$project"
  mapfile -t trx < <(find "$results/$project" -name '*.trx')
  python3 scripts/summary.py "$project" "$status" "$SECONDS" "$results/log" ${trx[@]+"${trx[@]}"}
done

read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$COUNTS")
((passed + failed)) || echo 'nothing ran'
if ((skipped)); then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
((passed && !failed))

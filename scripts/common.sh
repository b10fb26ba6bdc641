# shellcheck shell=bash
# What the scripts beside this file share; they source it from the repository's root.

# No node or compiler stays behind when a build ends.
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false DOTNET_CLI_USE_MSBUILD_SERVER=0
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

# die MESSAGE: end the script.
die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# quietly COMMAND...: show a command's output only when it fails.
quietly() {
  local output
  output=$("$@" 2>&1) || {
    printf '%s\n' "$output" >&2
    die "failed: $*"
  }
}

require_dotnet() {
  type -P dotnet >/dev/null || die "the .NET 10 SDK is not installed; see https://dotnet.microsoft.com/download/dotnet/10.0"
  local version
  version=$(dotnet --version 2>/dev/null) || die "the .NET SDK does not fit global.json: $(dotnet --list-sdks | tr '\n' ' ')"
  [[ $version == 10.* ]] || die "the .NET 10 SDK is needed, this is $version"
}

# install_packages PACKAGE...: install what is missing of these Debian packages, by apt; with sudo unless root.
install_packages() {
  local missing as_root=()
  type -P dpkg-query apt-get >/dev/null || die "not a Debian: install by hand what stands for $*"
  mapfile -t missing < <(
    comm -13 <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u) \
      <(printf '%s\n' "$@" | sort -u)
  )
  ((${#missing[@]})) || return 0
  if ((EUID)); then
    type -P sudo >/dev/null || die "not installed: ${missing[*]}; run this as root, or install sudo"
    as_root=(sudo)
  fi
  echo "${0##*/}: installing ${missing[*]}" >&2
  quietly "${as_root[@]}" timeout 300 apt-get -qq update
  quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 900 \
    apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}"
}

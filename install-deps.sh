#!/bin/sh
# SPDX-License-Identifier: MIT
# install-deps.sh - installs the Debian packages that moirai is built with.
#
#     ./install-deps.sh [PACKAGE...]
#
# Besides the usual ones, the packages named. As root, or through sudo; does
# nothing, and needs neither, when every package is there.
set -eu

usual="gcc g++ libc6-dev make autoconf automake libtool pkg-config
    libltdl-dev libyaml-dev libhwloc-dev libssl-dev openssl
    node-llhttp libwslay-dev
    libcriterion-dev"

is_installed() {
    case $(dpkg-query --show --showformat='${db:Status-Status}' "$1" \
        2>/dev/null) in
    installed) return 0 ;;
    esac
    return 1
}

missing=
for package in $usual "$@"; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "install-deps.sh: run as root:" \
            "apt-get update && apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "install-deps.sh: installing$missing"
$as_root apt-get -q update
# shellcheck disable=SC2086  # one word each
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $missing

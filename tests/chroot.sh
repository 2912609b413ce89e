#!/bin/sh
# SPDX-License-Identifier: MIT
# chroot.sh - tries README's two commands on a fresh, minimal Debian.
#
#     tests/chroot.sh [FOLDER]
#
# Makes a system without compiler or tools in a new folder inside FOLDER
# (preset: $TMPDIR or /var/tmp; some 2 GB), from the mirror that this machine's
# apt uses, puts the committed tree into it, runs ./run-demo.sh and
# ./run-tests.sh there, and removes it. $RELEASE is Debian's code name (preset:
# bookworm). Needs root, debootstrap and git. The last line is the result; the
# exit status is 0 if both commands succeeded.
set -eu

# In a mount namespace of its own, so that no mount outlives it.
if [ -z "${CHROOT_INSIDE:-}" ]; then
    cd "$(dirname "$0")/.."
    exec env CHROOT_INSIDE=1 unshare --mount --propagation private \
        "$PWD/tests/chroot.sh" "$@"
fi

release=${RELEASE:-bookworm}
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' \
    'Created-By: Packages' | awk -v r="$release" '$1 == r { print $2; exit }')
if [ -z "$mirror" ]; then
    echo "chroot.sh: apt has no source for $release" >&2
    exit 1
fi

root=$(mktemp -d "${1:-${TMPDIR:-/var/tmp}}/moirai-chroot.XXXXXX")
clean() {
    umount -R "$root/proc" "$root/dev" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM

echo "chroot.sh: $release from $mirror in $root"
debootstrap --variant=minbase "$release" "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail "$root.log"; rm -f "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mkdir "$root/moirai"
git archive HEAD | tar -x -C "$root/moirai"

# inside COMMAND: runs it as a user would, in an environment that is not ours.
inside() {
    echo "chroot.sh: $*"
    chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -c "cd /moirai && $*"
}

demo=failed
tests=failed
inside ./run-demo.sh && demo=passed
inside ./run-tests.sh && tests=passed
echo "chroot.sh: run-demo.sh $demo, run-tests.sh $tests"
[ "$demo $tests" = "passed passed" ]

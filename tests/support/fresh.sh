# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# fresh.sh - a fresh, minimal Debian in a folder; for scripts to source.
#
# As root, with debootstrap. The system comes from the mirror that this
# machine's apt uses; $RELEASE is its code name (preset: bookworm).

# fresh_enter SCRIPT [ARGUMENT...]: starts SCRIPT again in a mount namespace of
# its own, so that no mount outlives it; returns there.
fresh_enter() {
    [ -z "${FRESH_INSIDE:-}" ] || return 0
    exec env FRESH_INSIDE=1 unshare --mount --propagation private "$@"
}

# fresh_mirror: prints where apt gets $RELEASE from.
fresh_mirror() {
    apt-get indextargets --format '$(CODENAME) $(REPO_URI)' \
        'Created-By: Packages' |
        awk -v r="${RELEASE:-bookworm}" '$1 == r { print $2; exit }' |
        grep .
}

# fresh_make ROOT: makes the system in the empty folder ROOT.
fresh_make() {
    if ! fresh_from=$(fresh_mirror); then
        echo "fresh.sh: apt has no source for ${RELEASE:-bookworm}" >&2
        return 1
    fi
    echo "fresh.sh: ${RELEASE:-bookworm} from $fresh_from in $1"
    if ! debootstrap --variant=minbase "${RELEASE:-bookworm}" "$1" \
        "$fresh_from" >"$1.log" 2>&1; then
        tail "$1.log"
        rm -f "$1.log"
        return 1
    fi
    rm -f "$1.log"
    mount -t proc proc "$1/proc" &&
        mount --rbind /dev "$1/dev" &&
        mount --make-rslave "$1/dev"
}

# fresh_run ROOT FOLDER COMMAND: runs the shell COMMAND in FOLDER of ROOT as a
# user would, in an environment that is not ours.
fresh_run() {
    chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -c "cd $2 && $3"
}

# fresh_remove ROOT: removes the system and what was mounted in it.
fresh_remove() {
    umount -R "$1/proc" "$1/dev" 2>/dev/null || true
    rm -rf --one-file-system "$1"
}

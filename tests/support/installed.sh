# shellcheck shell=sh disable=SC2034,SC2154  # who sources it sets and reads
# SPDX-License-Identifier: MIT
# installed.sh - an installed moirai, for scripts that use it as a stranger.
#
# To be sourced in the build folder, with $source, the source folder, set.
# `make installcheck` says by MO_* which installation; without them one is made
# in a temporary folder. Afterwards there are:
#
#   $scratch      a folder to write to, removed at the end
#   $bin $lib $include $data $modules    of the installation, with DESTDIR
#
# and pkg-config, the dynamic linker and the search for programs know of it, and
# of nothing in the source or build folder. Paths may have blanks in them.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

if [ -z "${MO_LIBDIR:-}" ]; then
    MO_DESTDIR=$scratch/root
    "${MAKE:-make}" install DESTDIR="$MO_DESTDIR" >"$scratch/log" 2>&1 || {
        sed 's/^/# /' "$scratch/log"
        echo "Bail out! make install failed"
        exit 1
    }
    # shellcheck disable=SC2046  # no blanks in a place of configure's
    set -- $(for name in prefix exec_prefix libdir includedir moduledir; do
        PKG_CONFIG_PATH=. pkg-config --variable=$name ./moirai.pc
    done)
    MO_PREFIX=$1
    MO_BINDIR=$2/bin
    MO_LIBDIR=$3
    MO_INCLUDEDIR=$4
    MO_DATADIR=$1/share
    MO_MODULEDIR=$5
fi
bin=$MO_DESTDIR$MO_BINDIR
lib=$MO_DESTDIR$MO_LIBDIR
include=$MO_DESTDIR$MO_INCLUDEDIR
data=$MO_DESTDIR$MO_DATADIR
modules=$MO_DESTDIR$MO_MODULEDIR

# A make that runs us has variables and a job server which are not for others;
# pkgconf leaves its variables alone where DESTDIR is the sysroot.
unset DESTDIR MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# Nothing of ours is known to who is to find what was installed.
unset MOIRAI_CONFIG MOIRAI_PLUGIN_PATH MOIRAI_WORKERS PKG_CONFIG_SYSROOT_DIR
PKG_CONFIG_PATH=$lib/pkgconfig
PATH=$bin:$PATH
LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH PATH LD_LIBRARY_PATH
if [ -n "$MO_DESTDIR" ]; then
    PKG_CONFIG_SYSROOT_DIR=$MO_DESTDIR
    MOIRAI_PLUGIN_PATH=$modules
    export PKG_CONFIG_SYSROOT_DIR MOIRAI_PLUGIN_PATH
fi
pkg-config --exists --print-errors moirai || {
    echo "Bail out! no moirai.pc in $PKG_CONFIG_PATH"
    exit 1
}
version=$(pkg-config --modversion moirai)
checks=0

# ok STATUS WHAT: a line of TAP, and what is in $scratch/log if it went wrong.
ok() {
    checks=$((checks + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $checks - $2"
    else
        sed 's/^/# /' "$scratch/log"
        echo "not ok $checks - $2"
    fi
}

# skip WHAT REASON
skip() {
    checks=$((checks + 1))
    echo "ok $checks - $1 # SKIP $2"
}

# compile COMPILER OPTIONS ARGUMENT...: also with what `pkg-config OPTIONS` says
# of moirai, which is quoted for a shell to read.
compile() {
    compiler=$1
    options=$2
    shift 2
    # shellcheck disable=SC2086  # options are words
    flags=$(pkg-config $options moirai 2>"$scratch/log") || return
    eval "$compiler ${SANITIZE_CFLAGS:-} \"\$@\" $flags" >"$scratch/log" 2>&1
}

# run COMMAND...: its output in $scratch/said, and all of it in $scratch/log.
run() {
    timeout 60 "$@" >"$scratch/said" 2>"$scratch/log"
    status=$?
    cat "$scratch/said" >>"$scratch/log"
    return $status
}

# Is there a static libc, and may it be used? The sanitizers need the other.
can_link_statically() {
    [ -z "${SANITIZE_CFLAGS:-}" ] || return
    echo 'int main(void) { return 0; }' >"$scratch/empty.c"
    ${CC:-cc} -static -o "$scratch/empty" "$scratch/empty.c" 2>/dev/null &&
        "$scratch/empty"
}

# A module `mine` in the folder $1: the scheduler fifo by another name.
write_module() {
    sed -e 's/(sched, fifo)/(sched, mine)/' -e 's/"fifo"/"mine"/' \
        "$source/plugins/schedulers/fifo.c" >"$1/mine.c"
}

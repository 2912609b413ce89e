#!/bin/sh
# SPDX-License-Identifier: MIT
# check_floors.sh - who may include whom.
#
# Each file of core/ stands on a floor and includes its own floor or lower
# ones; core's headers include each other without a cycle. Plugins and
# examples see <moirai/...>, libc and what lies beside them. Every other
# header, that is one of a third party, is included by one file only. Which
# machine or system it is, is asked in arch/ and os/ alone, and where an inline
# needs it: atomic.h, fork.h.
set -u
cd "${srcdir:-.}" || exit 1

# By noun, or by file; the first that fits counts. runtime.h says only whether
# a runtime can be called.
floors='
0 arch/* atomic
1 portable/affinity portable/bell portable/elf portable/fd portable/memory portable/real
1 portable/symbol portable/thread
2 portable/dl portable/hwloc portable/source portable/topo portable/trial
3 portable/*
1 os/* simd/* arena backtrace line list lock log mem report slab text version
2 builtin builtin_list chosen config descriptor dl expand keys kind option override
2 hwloc machine piece plugin seat source
2 section setup topo tree trial value
3 attend backend barrier binding blocking box chain chan child collect concurrent
3 cond dump
3 effect event fail fault history
3 depth embed fiber follow fork frame future gate handle host idle inherit inject leave
3 link loan local loop monitor name near once
3 owner par pool queue radix radix_key readiness reason roster runtime.h rwlock scope select
3 semaphore single solo sort span spill staff stats sync task tenure tidy time
3 timer trace
3 search transfer victim wait watch worker workers
4 flow/* io/* runtime
'

# Header, and the file that may include it.
homes='
criterion/* tests/support/*
curl/* adapters/curl*
curl/* tests/adapters/*
libpq-fe.h adapters/postgres*
libpq-fe.h tests/adapters/*
hiredis/* adapters/redis*
hiredis/* tests/adapters/*
ev.h examples/embed/ev.c
ev.h tests/adapters/*
glib-unix.h examples/embed/glib.c
glib-unix.h tests/adapters/*
hwloc.h core/hwloc.c
io.h core/os/windows/stdio.h
liburing.h plugins/io/uring.c
ltdl.h core/dl.c
ltdl.h core/portable/dl.c
llhttp.h adapters/http/parse.h
nng/* plugins/transports/nng.c
openssl/* adapters/tls*
openssl/* tests/adapters/*
process.h core/os/windows/unistd.h
sanitizer/* core/arch/sanitize.h
sanitizer/lsan_interface.h tests/support/check.c
valgrind/* core/arch/sanitize.h
uv.h examples/embed/uv.c
uv.h tests/adapters/*
yaml.h core/config.c
'

libc='
arm_neon.h assert.h complex.h ctype.h emmintrin.h errno.h fenv.h float.h
inttypes.h iso646.h limits.h
locale.h math.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h
stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h tgmath.h threads.h
time.h uchar.h unwind.h wchar.h wctype.h aio.h arpa/* cpuid.h dirent.h dlfcn.h elf.h
endian.h err.h fcntl.h fnmatch.h ftw.h getopt.h glob.h grp.h ifaddrs.h immintrin.h
langinfo.h libgen.h link.h linux/* malloc.h mqueue.h net/* netdb.h netinet/*
poll.h pthread.h pwd.h regex.h sched.h semaphore.h spawn.h strings.h sys/*
sysexits.h syslog.h termios.h ucontext.h unistd.h utime.h x86intrin.h
'

bad=$(mktemp) edges=$(mktemp)
trap 'rm -f "$bad" "$edges"' EXIT

say() {
    echo "$*" | tee -a "$bad"
}

# The floor of the file $1, named as from core/; nothing if it has none.
floor() {
    stem=${1%.*}
    stem=${stem%_x86_64}
    echo "$floors" | while read -r number names; do
        set -f
        for name in $names; do
            # shellcheck disable=SC2254  # a pattern
            case $stem:$1 in $name:*|*:$name) echo "$number"; break ;; esac
        done
    done | head -n 1
}

# The file that may include <$1>: its home, or nothing.
is_home() {
    echo "$homes" | while read -r header home; do
        # shellcheck disable=SC2254  # patterns
        case $1 in $header) case $2 in $home) echo yes ;; esac ;; esac
    done
}

is_libc() {
    set -f
    for name in $libc; do
        # shellcheck disable=SC2254  # a pattern
        case $1 in $name) return 0 ;; esac
    done
    return 1
}

# $1 file, $2 line, $3 header in angle brackets
check_system() {
    case $3 in moirai/*) return ;; esac
    is_libc "$3" && return
    [ -n "$(is_home "$3" "$1")" ] ||
        say "$1:$2: <$3> is not included here; tests/check_floors.sh says where"
}

# $1 file, $2 line, $3 header in quotes
check_own() {
    case $1 in
    core/*)
        mine=$(floor "${1#core/}")
        theirs=$(floor "$3")
        if [ "${mine:-9}" -lt "${theirs:-0}" ]; then
            say "$1:$2: floor $mine includes \"$3\" of floor $theirs"
        fi
        case $1 in *.h) echo "${1#core/} $3" >>"$edges" ;; esac ;;
    plugins/*|examples/*)
        case $3 in
        */*) say "$1:$2: \"$3\" is not beside it" ;;
        *) [ -f "$(dirname "$1")/$3" ] ||
            say "$1:$2: \"$3\" is not beside it" ;;
        esac ;;
    include/*)
        say "$1:$2: public headers include <moirai/...>" ;;
    esac
}

for file in core/*.[ch] core/*/*.[chS]; do
    [ -f "$file" ] || continue
    [ -n "$(floor "${file#core/}")" ] ||
        say "$file:1: has no floor; give it one in tests/check_floors.sh"
done

find core examples include plugins tests tools -name '*.[chS]' \
    -exec grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null {} + |
    sed -E 's/^([^:]*):([0-9]*):[^<"]*([<"])([^>"]*).*/\1 \2 \3 \4/' |
    while read -r file line quote header; do
        case $quote in
        '<') check_system "$file" "$line" "$header" ;;
        *) check_own "$file" "$line" "$header" ;;
        esac
    done

tsort "$edges" 2>&1 >/dev/null | sed -n 's/^tsort: \(.*\.h\)$/\1/p' |
    while read -r header; do
        say "core/$header:1: is in a cycle of headers"
    done

grep -rnE '^ *# *(el)?if.*(__linux|__APPLE__|_WIN32|__FreeBSD|__x86_64|__aarch64)' \
    include core plugins tools examples --include='*.[ch]' |
    grep -vE '^(core/(arch|os)/|core/atomic.h:|include/moirai/fork.h:)' | cut -d: -f1,2 | while read -r place; do
        say "$place: asks for a platform outside core/arch and core/os"
    done

echo "1..1"
if [ ! -s "$bad" ]; then
    echo "ok 1 - files include what their floor may"
else
    echo "not ok 1 - files include what their floor may"
fi

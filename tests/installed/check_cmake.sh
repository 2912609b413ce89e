#!/bin/sh
# SPDX-License-Identifier: MIT
# check_cmake.sh - what is installed is found by CMake's find_package, also
# after it was moved: programs and a module are built with it, and run.
set -u
source=$(cd "${srcdir:-.}" && pwd)
. "$source/tests/support/installed.sh"

if ! command -v cmake >/dev/null 2>&1 || [ -z "${CXX:-}" ]; then
    echo "1..0 # SKIP needs cmake and a C++ compiler"
    exit 0
fi

mkdir "$scratch/consumer"
cp "$source/tests/installed/CMakeLists.txt" \
    "$source/tests/installed/program.c" "$scratch/consumer"
cp "$source/tests/installed/program.c" "$scratch/consumer/program.cc"
write_module "$scratch/consumer"

wholly=OFF
! can_link_statically || wholly=ON

# configure BUILD-FOLDER PACKAGE-FOLDER WANTED
configure() {
    rm -rf "${scratch:?}/$1"
    env CFLAGS="${SANITIZE_CFLAGS:-}" CXXFLAGS="${SANITIZE_CFLAGS:-}" \
        cmake -S "$scratch/consumer" -B "$scratch/$1" -DCMAKE_BUILD_TYPE=Debug \
        "-Dmoirai_DIR=$2" "-DWANTED=$3" "-DWHOLLY=$wholly" \
        >"$scratch/log" 2>&1
}

# Builds what was configured in the folder $1, and runs it.
build_and_run() {
    cmake --build "$scratch/$1" >"$scratch/log" 2>&1 || return
    for program in "$scratch/$1"/program*; do
        run "$program" && [ "$(cat "$scratch/said")" = "$version 42" ] || return
    done
    MOIRAI_PLUGIN_PATH=$scratch/$1 \
        run "$scratch/$1/program" scheduler.plugin=mine
}

package=$lib/cmake/moirai
configure build "$package" "$version"
ok $? "find_package(moirai $version)"
grep -qF "moirai_MODULE_DIR=$(cd "$lib" && pwd -P)/moirai/" "$scratch/log" &&
    grep -q "moirai_MODULE_ABI=${modules##*/}\$" "$scratch/log"
ok $? "it knows the modules' folder and ABI"
build_and_run build
ok $? "C, C++ and a module build and run"

! configure wrong "$package" "99.0" && grep -q "version: $version" "$scratch/log"
ok $? "version 99.0 is not found, and CMake says what is there"
configure range "$package" "0.0.1...<${version%%.*}.99" &&
    configure major "$package" "${version%%.*}"
ok $? "a range is enough, and so is a major number"
! configure component "$package" "$version;COMPONENTS;nosuch" &&
    grep -q "there is no moirai::nosuch" "$scratch/log"
ok $? "an unknown component is not found"

# Moved as a whole, under a name with a blank, where both are in one prefix.
case $MO_LIBDIR:$MO_INCLUDEDIR in
"$MO_PREFIX"/*:"$MO_PREFIX"/*)
    LD_LIBRARY_PATH="$scratch/moved away${MO_LIBDIR#"$MO_PREFIX"}"
    headers="$scratch/moved away${MO_INCLUDEDIR#"$MO_PREFIX"}"
    mkdir -p "$LD_LIBRARY_PATH/cmake" "$headers"
    cp -R "$package" "$LD_LIBRARY_PATH/cmake"
    cp -R "$include/moirai" "$headers"
    cp -P "$lib"/libmoirai.* "$LD_LIBRARY_PATH"
    configure moved "$LD_LIBRARY_PATH/cmake/moirai" "$version" &&
        build_and_run moved &&
        grep -q 'moved away' "$scratch/moved/CMakeFiles/program.dir/link.txt"
    ok $? "found where it was moved to"
    ;;
*) skip "found where it was moved to" "no common prefix" ;;
esac
echo "1..$checks"

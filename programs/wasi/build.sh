#!/bin/sh
# Builds the programs of this folder for WASI, each from its one file: `./build.sh`, or `./build.sh sort json` for some.
# Debian's packages clang, lld, wasi-libc and libclang-rt-dev-wasm32 have all that is needed; the files in the repository
# were made with version 14 of clang and lld and wasi-libc 0.0~git20220510. The same versions give the same bytes again.
#
#   -O2                   as programs are shipped
#   -g0, --strip-debug    without debug information, but with the names of functions, which backtraces show
#   -z stack-size         four times the linker's 64 KiB, for the recursion of json and search
#   -ffile-prefix-map     calc alone has debug information; this keeps the path of the folder out of it
#
# `NATIVE=1 ./build.sh` builds them for this machine instead, as NAME.native, to compare what they print.

set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang}

for name in ${*:-calc cat json raytracer search sort treesum}; do
    if [ -n "${NATIVE:-}" ]; then
        ${CC:-cc} -std=c11 -Wall -Wextra -O2 -ffp-contract=off "$name.c" -o "$name.native" -lm
        continue
    fi
    case $name in
    calc) debug="-g -ffile-prefix-map=$PWD=." ;;
    *) debug="-g0 -Wl,--strip-debug" ;;
    esac
    # shellcheck disable=SC2086 # the options are words of their own
    $CLANG --target=wasm32-wasi -std=c11 -Wall -Wextra -O2 $debug -Wl,-z,stack-size=262144 "$name.c" -o "$name.wasm"
done

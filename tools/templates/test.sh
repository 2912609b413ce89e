#!/bin/sh
# test.sh - the configuration is right, and the plugin keeps its promises.
set -eu
moirai=${MOIRAI:-moirai}
if ! command -v "$moirai" >/dev/null; then
    echo "there is no command $moirai"
    exit 77
fi
MOIRAI_PLUGIN_PATH=$MODULES
export MOIRAI_PLUGIN_PATH
"$moirai" check -q "${srcdir:-.}/sample.yaml"
"$moirai" plugins test -c "${srcdir:-.}/sample.yaml" "$MODULES/sched_sample.so"

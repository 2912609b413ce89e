#!/bin/sh
# SPDX-License-Identifier: MIT
# test_config.sh - `moirai config`: values, their origins, the schema.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
# line KEY VALUE ORIGIN: is there such a line in out?
line() { grep -qE "^ *$1: $2 +# $3\$" out; }

mkdir sub sub/mods 'sub/d$1'
cp "$here/tests/broken/.libs/sched_good.so" sub/mods
cat > sub/all.yaml <<'END'
plugins:
  path: [mods, "/tmp:mods", "d$$1"]
runtime: {workers: 2, stop_grace: "250 ms", trace: "${EVENTS:-5}"}
scheduler:
  plugin: mods/sched_good.so
channels:
  "a.b": {capacity: 3}
  "no": {plugin: ring}
  "costs$5": {}
  "öl": {}
  "$$x#y": {capacity: "${EVENTS:-7}"}
END

# --- values ----------------------------------------------------------------

ends 0 env EVENTS=9 MOIRAI_RUNTIME__WORKERS=3 "$moirai" config \
    -s runtime.max_tasks=8 sub/all.yaml -s 'channels."a.b".capacity=4' &&
    line workers 3 'MOIRAI_RUNTIME__WORKERS; over 2 of sub/all.yaml:3:20' &&
    line trace 9 'sub/all.yaml:3:52 from \$\{EVENTS\}' &&
    line max_tasks 8 -s && line capacity 4 '-s; over 3 of sub/all.yaml:7:21' &&
    line capacity 9 'sub/all.yaml:11:23 from \$\{EVENTS\}' &&
    line spin 20us preset && line home '""' preset &&
    line version 1 preset && [ ! -s err ]
is $? "each value tells who said it, and over whom"
ends 0 "$moirai" config sub/all.yaml &&
    line plugin "$dir/sub/mods/sched_good.so" 'sub/all.yaml:5:11' &&
    grep -q "^    - $dir/sub/mods  *# sub/all.yaml:2:10" out &&
    grep -q '^    - /tmp  *# sub/all.yaml:2:16' out
is $? "relative paths are written out"
ends 0 "$moirai" config && said "said so: no file" && line plugin steal preset
is $? "without a file the presets are told"
ends 0 env MOIRAI_CONFIG=sub/all.yaml "$moirai" config &&
    said "said so: sub/all.yaml" && line workers 2 'sub/all.yaml:3:20'
is $? "without a file MOIRAI_CONFIG is"

# same FILE: does the output, read again, say the same?
same() {
    "$moirai" config --json "$1" > first.json 2> err &&
        "$moirai" config "$1" > other/out.yaml 2> err &&
        "$moirai" config --json other/out.yaml > second.json 2> err ||
        return 1
    for file in first second; do
        tr '{' '\n' < $file.json |
            sed -n 's/^\("key":.*"text":"[^"]*"\).*/\1/p' |
            grep -v '"text":.*[/]\|"name":"path"' > $file
    done
    [ -s first ] && diff first second > out
}
mkdir other
ok=0
for file in sub/all.yaml "$src"/config/*.yaml "$src"/tests/config/good/*.yaml
do
    same "$file" || { ok=1; echo "# $file"; sed 's/^/# /' out err; }
done
is $ok "what is printed is a configuration and means the same"
same sub/all.yaml && "$moirai" config other/out.yaml > out 2> err &&
    line plugin "$dir/sub/mods/sched_good.so" 'other/out.yaml:[0-9:]*' &&
    "$moirai" config other/out.yaml | sed 's/ *#.*//' > third &&
    sed 's/ *#.*//' other/out.yaml | cmp - third > out 2>&1
is $? "paths mean the same from elsewhere, and the third time is the second"
ok=0
for file in sub/all.yaml "$src"/tests/config/good/*.yaml \
    "$src"/tests/config/bad/*.yaml; do
    "$moirai" config --json "$file" > out 2> err
    "$json" < out || { ok=1; echo "# $file"; }
done
is $ok "JSON is valid for every file of the tests"
ends 0 env EVENTS=9 "$moirai" config --json sub/all.yaml -s runtime.workers=5 &&
    said '"key":"runtime.workers","section":"runtime","name":"workers","text":"5","from":"command","source":"-s"' &&
    said '"over":[{"text":"2","from":"file","source":"sub/all.yaml","line":3,"column":20}]' &&
    said '"column":52,"via":"${EVENTS}"'
is $? "JSON tells the same as YAML"
ends 3 "$moirai" config "$src/tests/config/bad/ten.yaml" &&
    complained "ten.yaml:1:10: version" && [ ! -s out ]
is $? "a wrong file is told, and nothing printed"
ends 2 "$moirai" config a b && ends 2 "$moirai" config --schema --markdown &&
    ends 2 "$moirai" config -s && ends 2 "$moirai" config -s nonsense
is $? "wrong usage"
ends 3 "$moirai" config -s runtime.workers=many &&
    complained '-s: runtime.workers: "many" is neither'
is $? "a wrong setting is told like any other mistake"

# --- -s elsewhere ----------------------------------------------------------

ends 0 "$moirai" check sub/all.yaml -s runtime.workers=6 &&
    grep -qE 'runtime.workers +6 +-s' out &&
    ends 3 "$moirai" check -s scheduler.spin=x sub/all.yaml
is $? "check takes -s"
ends 0 "$moirai" run -c sub/all.yaml -s runtime.workers=6 \
    -s runtime.trace=7 "$moirai" config && line workers 6 '-s; over .*' &&
    line trace 7 '-s; over .*'
is $? "run hands -s on to its program"
ends 0 "$moirai" run -c sub/all.yaml -s runtime.workers=6 \
    "$moirai" config -s runtime.workers=7 &&
    line workers 7 '-s; over 6 of -s, 2 of .*'
is $? "the last -s counts"

# --- the schema ------------------------------------------------------------

ends 0 "$moirai" config --schema && "$json" < out && cp out schema.json &&
    said '"const":"fifo"' && said '"batch"'
is $? "the schema is JSON"
MOIRAI_PLUGIN_PATH=$dir/sub/mods "$moirai" config --schema > out 2> err &&
    said '"const":"good"'
is $? "it knows the plugins that are found"

cat > validate.py <<'END'
import os, sys, yaml, jsonschema

schema = jsonschema.Draft7Validator(yaml.safe_load(open('schema.json')))
schema.check_schema(schema.schema)
for path in sys.stdin.read().split():
    try:
        good = schema.is_valid(yaml.safe_load(open(path, 'rb')))
    except (yaml.YAMLError, UnicodeError):
        good = False
    print('good' if good else 'bad', os.path.basename(path))
END
python=
for candidate in python3 /usr/bin/python3; do
    $candidate -c 'import yaml, jsonschema' 2> /dev/null &&
        { python=$candidate; break; }
done
# What a schema cannot know, or what YAML readers take differently.
blind='nearest plugin_file utf16'
if [ -n "$python" ]; then
    ls "$src"/config/*.yaml "$src"/tests/config/good/*.yaml |
        $python validate.py > out 2> err
    [ $? -eq 0 ] && [ -s out ] && ! grep '^bad' out
    is $? "every good configuration fits the schema"
    ls "$src"/tests/config/bad/*.yaml | $python validate.py > all 2> err
    status=$?
    : > out
    grep '^good' all | while read -r verdict file; do
        case " $(echo $blind) " in
        *" ${file%.yaml} "*) ;;
        *) echo "$verdict $file" >> out ;;
        esac
    done
    [ $status -eq 0 ] && [ -s all ] && [ ! -s out ]
    is $? "every bad one that a schema can know is refused by it"
else
    skip "good ones fit the schema" "no python3 with yaml and jsonschema"
    skip "bad ones do not" "no python3 with yaml and jsonschema"
fi

# --- the options of every plugin --------------------------------------------

# Those of what is built in are tried by tests/core/test_setup.c.
cp "$src"/tests/config/modules/bad/* .
for file in *.yaml; do
    name=${file%.yaml}
    ends 3 env MOIRAI_PLUGIN_PATH="$here/plugins/.libs" "$moirai" check "$file" &&
        cat out err | diff "$name.expect" - > diff && mv diff out
    is $? "what is wrong with stacks of $name is told exactly"
    ends 0 env MOIRAI_PLUGIN_PATH="$here/plugins/.libs" "$moirai" check -q \
        "$src/tests/config/modules/good/$file"
    is $? "what is right with them is taken"
done

# --- the documentation -----------------------------------------------------

# All plugins there are, whether built in or not; those that somebody has
# installed would be in the way.
doc=$src/docs/configuration.md
mark='<!-- From here on: moirai config --markdown -->'
ends 0 env MOIRAI_PLUGIN_PATH="$here/plugins/.libs" "$moirai" config --markdown
cp out reference
sed "1,/^$mark\$/d" "$doc" | sed 1d > kept
sed '$d' reference | diff kept - > out 2> err
is $? "docs/configuration.md is up to date (make update-docs)"

echo "1..$n"

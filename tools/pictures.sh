#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Draws the pictures of README.md and of the guides anew, from runs that it records; it takes about a minute:
#     tools/pictures.sh PROGRAM    (the built program fronta; ./run pictures builds it first)
# All but gpu-task.svg, a drawing of what no trace tells, made by hand.
set -euo pipefail
fronta=$(realpath "${1:?usage: tools/pictures.sh PROGRAM}")
tools=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
cd "$tools/../docs/pictures"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
largest=150000 # bytes, so that pages open quickly

fail() {
    echo "tools/pictures.sh: $*" >&2
    exit 1
}

# The same run is what the terminal shows and what most pictures are of.
record() {
    (
        cd "$scratch"
        python3 "$tools/terminal_picture.py" -o demo.svg --say './run demo' -- \
            "$fronta" run divisibility --seed 1 --trace divisibility.trace
        "$fronta" run divisibility --seed 1 --pictures none --json --trace two-gpus.trace >two-gpus.json
        "$fronta" run divisibility --seed 1 --pictures none --json --trace one-gpu.trace --gpus 1 \
            --speed "$(member two-gpus.json speed)"
        "$fronta" run pipeline --seed 1 --output images --trace few-images.trace
        "$fronta" run pipeline --seed 1 --output images --trace pipeline.trace --images 60 --streams 4
        for trace in divisibility pipeline; do "$fronta" export $trace.trace -o $trace.jsonl; done
    ) >"$scratch/said"
}

member() { # FILE NAME: of a JSON object
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"
}

# Milliseconds since the first event at which PERCENT of a run are over: how long it takes, machines differ in.
moment() { # RUN PERCENT
    python3 - "$scratch/$1.jsonl" "$2" <<'EOF'
import json, sys
times = [json.loads(line)["t"] for line in open(sys.argv[1]).readlines()[1:]]
print(round((times[-1] - times[0]) * int(sys.argv[2]) / 100 / 1e6))
EOF
}

# The number, as pictures count, of the task whose life was the shortest of those that failed and were tried again on
# another gpu, if there are any.
retried_task() {
    python3 - "$scratch/divisibility.jsonl" <<'EOF'
import json, sys
begun, gpus, lives = {}, {}, []
for event in map(json.loads, open(sys.argv[1]).readlines()[1:]):
    task, kind = event.get("task"), event["event"]
    if kind == "submit":
        begun[task] = event["t"]
    elif kind == "acquire" and event["text"] == "gpu":
        gpus.setdefault(task, []).append(event["place"])
    elif kind == "finish" and len(gpus.get(task, [])) > 1:
        lives.append((len(set(gpus[task])) == 1, event["t"] - begun[task], list(begun).index(task) + 1))
print(min(lives)[2])
EOF
}

# As large as it may be.
draw() { # FILE RUN... -- PRESET [OPTION...]
    local file=$1 width traces=()
    shift
    while [ "$1" != -- ]; do
        traces+=("$scratch/$1.trace")
        shift
    done
    for width in 960 928 896 864 832 800 768 736 704 672; do
        "$fronta" render "${traces[@]}" -o "$file" --preset "$2" --size "${width}x$((width * 9 / 16))" "${@:3}"
        [ "$(stat -c %s "$file")" -gt "$largest" ] || return 0
    done
    fail "$file is larger than $largest bytes however small it is drawn."
}

record
cp "$scratch/demo.svg" .
[ "$(stat -c %s demo.svg)" -le "$largest" ] || fail "demo.svg is larger than $largest bytes."
draw timeline.png divisibility -- timeline
draw stage.png divisibility -- stage --at "$(moment divisibility 40)"
draw code.png divisibility -- stage --at "$(moment divisibility 40)" --layout read --source ../..
draw demo-stage.png divisibility -- stage --at "$(moment divisibility 60)"
draw completion.png divisibility -- completion
draw inspector.png divisibility -- inspector --task "$(retried_task)"
draw progress.png divisibility -- progress --at "$(moment divisibility 50)"
draw compare.png two-gpus one-gpu -- compare
draw graph.png few-images -- graph # at the end, when the critical path is known
draw statistics.png pipeline -- statistics
draw plots.png pipeline -- plots --at "$(moment pipeline 65)"

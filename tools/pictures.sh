#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Draws the pictures of README.md and docs/visualizer.md anew, from a run of the headline demo:
#     tools/pictures.sh PROGRAM    (the built program fronta; ./run pictures builds it first)
set -euo pipefail
fronta=$(realpath "${1:?usage: tools/pictures.sh PROGRAM}")
cd "$(dirname "${BASH_SOURCE[0]}")/../docs/pictures"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
largest=150000 # bytes, so that pages open quickly

"$fronta" run divisibility --seed 1 --pictures none --trace "$scratch/divisibility.trace" >"$scratch/said"

draw() { # FILE PRESET [OPTION...]
    local file=$1 preset=$2
    "$fronta" render "$scratch/divisibility.trace" -o "$file" --preset "$preset" "${@:3}"
    [ "$(stat -c %s "$file")" -le "$largest" ] || {
        echo "tools/pictures.sh: $file is larger than $largest bytes; make it smaller." >&2
        exit 1
    }
}

draw timeline.png timeline --size 960x540
draw stage.png stage --at 4000 --size 768x432
draw code.png stage --at 4000 --size 768x432 --layout read --source ../..
draw completion.png completion --size 768x432
draw demo-stage.png stage --at 6000 --size 768x432

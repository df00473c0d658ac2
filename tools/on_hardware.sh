#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that only a machine with a GPU can tell, by one command that needs nothing there but the driver and Python.
#
#   tools/on_hardware.sh prepare       builds here, and puts what is to be carried into build/on-hardware
#   tools/on_hardware.sh run [STEP...] runs there: all steps, or some (see docs/gpu-todo.md)
#
# Results go to $OUT, or to out/on-hardware: summary.txt, steps.log, bench-gpu.json, tests.tar.gz. They are there as soon as
# a step has ended, whatever becomes of the next. BUDGET (570) is how many seconds all steps may take together, LIMIT how
# many each may take where that is less than its own.
# Exit status: 0 when no step failed, 1 when one did, 77 when there was no device to run them on, 2 for wrong arguments.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

carried=build/on-hardware
most_megabytes=56 # of the 64 that travel, the tree takes some
programs=(fronta bench_gpu fronta_gpu_tests fronta_kernels_tests fronta_thrust_tests fronta_cuda_hardware_tests)

die() {
    printf 'on_hardware.sh: %s\n' "$*" >&2
    exit 2
}

# --- prepare --------------------------------------------------------------------------------------------------------

# What the programs load beyond a C++ runtime and the system's own. The driver's library is looked for there.
libraries_of() {
    ldd "$@" | awk '/=> \// { print $3 }' | sort -u |
        grep -vE '/(ld-linux-x86-64|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s)\.so' || true
}

prepare() {
    set -e
    local targets=(fronta_program) library
    targets+=("${programs[@]:1}")
    cmake --preset hardware >build/hardware.log 2>&1 || { cat build/hardware.log; die "configuring failed"; }
    nice cmake --build build/hardware --target "${targets[@]}"
    rm -rf "$carried"
    mkdir -p "$carried/bin" "$carried/lib" "$carried/fallback"
    for program in "${programs[@]}"; do
        strip -o "$carried/bin/$program" "build/hardware/bin/$program"
    done
    for library in $(libraries_of "${programs[@]/#/$carried/bin/}"); do cp -L "$library" "$carried/lib/"; done
    # Only for a machine whose own are older.
    for library in libstdc++.so.6 libgcc_s.so.1; do cp -L "$(g++ -print-file-name=$library)" "$carried/fallback/"; done
    git describe --always --dirty >"$carried/REVISION"
    set +e
    local megabytes
    megabytes=$(du -sm "$carried" | cut -f1)
    echo "$carried: $megabytes MB"
    [ "$megabytes" -le "$most_megabytes" ] || die "that is more than $most_megabytes MB"
    echo "carry $carried, and run: bash tools/on_hardware.sh run"
}

# --- run ------------------------------------------------------------------------------------------------------------

# Each step is a function step_NAME, with its limit in seconds. What matters most comes first.
all_steps=(machine doctor driver suite kernels bench pipeline divisibility memcheck racecheck)
declare -A limits=([machine]=20 [doctor]=20 [driver]=60 [suite]=150 [kernels]=60 [bench]=240 [pipeline]=60
    [divisibility]=30 [memcheck]=120 [racecheck]=120)

bin=$carried/bin
skip() {
    echo "skipped: $*"
    exit 77
}
needs_device() { [ -n "$device" ] || skip "$reason"; }
tests() { python3 tools/run_gtests.py "$bin/$1" --json "$scratch/tests/$step.json" "${@:2}"; }

step_machine() {
    uname -srm
    nproc
    nvidia-smi --query-gpu=name,driver_version,memory.total,pcie.link.gen.current,pcie.link.width.current \
        --format=csv 2>&1 || true
    python3 --version
    for program in "$bin"/*; do
        ldd "$program" | grep 'not found' && exit 1
    done
    cat "$carried/REVISION"
}
step_doctor() {
    "$bin/fronta" doctor || exit
    needs_device
}
step_driver() { tests fronta_cuda_hardware_tests --limit 30; }
step_suite() { tests fronta_gpu_tests --filter 'Cuda*' --limit 10; }
step_kernels() {
    local code=0 one=0
    for program in fronta_kernels_tests fronta_thrust_tests; do
        step=$program tests "$program" --filter 'Cuda*' --limit 30 || { code=$?; [ $code -eq 77 ] || one=1; }
    done
    [ $one -eq 0 ] || exit 1
    exit $code
}
# cuBLAS lies beside the toolkit or in a Python package.
step_bench() {
    local cublas how=()
    cublas=$(find /usr/local /opt /usr/lib -name 'libcublas.so.1[23]' -printf '%h\n' -quit 2>/dev/null)
    [ -n "$device" ] || how=(--quick --rounds 1) # shows that it works, and says SIMULATED everywhere
    LD_LIBRARY_PATH=${cublas:-}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} FRONTA_REVISION=$(cat "$carried/REVISION") \
        python3 bench/run_gpu_suite.py "${how[@]}" --programs "$bin" --fronta "$bin/fronta" \
        --json "$results/bench-gpu.json"
}
step_pipeline() {
    local images=12 sums=() sum
    [ -z "$device" ] || images=500
    for streams in 1 4; do
        "$bin/fronta" run pipeline --images $images --size "${size:-1920x1080}" --streams $streams --gpus 1 \
            --output "$scratch/pictures" | tee "$scratch/pipeline" || exit
        sum=$(awk '/^checksum/ { print $2 }' "$scratch/pipeline")
        sums+=("$sum")
    done
    [ "${sums[0]}" = "${sums[1]}" ] || { echo "the checksums differ: ${sums[*]}"; exit 1; }
    needs_device # it ran on simulated ones, and says so
}
step_divisibility() {
    "$bin/fronta" run divisibility --gpus 1 --speed 0.05 || exit
    needs_device
}
under_sanitizer() {
    needs_device
    command -v compute-sanitizer >/dev/null || skip "there is no compute-sanitizer on the PATH"
    local under="compute-sanitizer --error-exitcode 9 --tool $1" code=0
    tests fronta_kernels_tests --filter 'Cuda/Kernels*' --limit 100 --under "$under" || code=1
    [ "$1" = racecheck ] ||
        step=driver-memcheck tests fronta_cuda_hardware_tests --limit 100 --under "$under" \
            --filter='-*IllegalAddress*:*RunsOut*:*WrongLaunch*:*OutsidePinned*' || code=1
    exit $code
}
step_memcheck() { under_sanitizer memcheck; }
step_racecheck() { under_sanitizer racecheck; }

find_device() {
    if ! "$bin/fronta" --version >/dev/null 2>"$scratch/loader"; then
        export LD_LIBRARY_PATH=$PWD/$carried/fallback # this machine's C++ runtime is too old
        "$bin/fronta" --version >/dev/null 2>&1 || die "the programs do not start here: $(cat "$scratch/loader")"
    fi
    device=$("$bin/fronta" doctor | sed -n 's/^  device 0 *//p')
    # The first line under "Missing" is about the GPU where there is none.
    reason=$("$bin/fronta" doctor | sed -n '/^Missing/{n;s/^  //;s/: .*//p}')
}

write_summary() {
    {
        echo "device: ${device:-none ($reason)}; revision $(cat "$carried/REVISION"); $(date -u +%F)"
        [ -n "$device" ] || echo "NO GPU WAS USED: what ran here ran on simulated devices."
        printf '%s\n' "$@"
        [ ! -s "$scratch/goals" ] || printf '\n%s\n' "$(cat "$scratch/goals")"
    } >"$results/summary.txt"
}

run_steps() {
    local -a chosen=("$@") lines=()
    [ $# -gt 0 ] || chosen=("${all_steps[@]}")
    local name began took left limit code failed=0 end=$((SECONDS + ${BUDGET:-570})) word
    for name in "${chosen[@]}"; do
        [ -n "${limits[$name]:-}" ] || die "there is no step '$name'; choose from ${all_steps[*]}"
    done
    [ -x "$bin/fronta" ] || die "there is no $bin/fronta; run 'tools/on_hardware.sh prepare' where it can be built"
    results=${OUT:-out/on-hardware}
    mkdir -p "$results"
    scratch=$(mktemp -d)
    mkdir "$scratch/tests"
    trap 'rm -rf "$scratch"' EXIT
    export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
    find_device
    export bin carried results scratch device reason
    export -f skip needs_device tests under_sanitizer
    : >"$results/steps.log"
    for name in "${chosen[@]}"; do
        export step=$name
        export -f "step_$name"
        left=$((end - SECONDS))
        if [ "$left" -lt 5 ]; then
            lines+=("$(printf '%-12s %-9s %5s' "$name" 'NOT RUN' '')   no time left")
            failed=1
            write_summary "${lines[@]}"
            continue
        fi
        for limit in "${limits[$name]}" "${LIMIT:-600}"; do [ "$left" -gt "$limit" ] && left=$limit; done
        printf '\n===== %s (at most %s s)\n' "$name" "$left" | tee -a "$results/steps.log"
        began=$SECONDS
        # TERM first: the suites then say what they have.
        timeout --kill-after=5 "$left" bash -c "step_$name" 2>&1 | tee "$scratch/text" |
            tee -a "$results/steps.log"
        code=${PIPESTATUS[0]}
        took=$((SECONDS - began))
        case $code in
            0) word=ok ;;
            77) word=skipped ;;
            124 | 137) word='TIMED OUT' failed=1 ;;
            *) word=FAILED failed=1 ;;
        esac
        lines+=("$(printf '%-12s %-9s %3d s' "$name" "$word" "$took")   $(grep -v '^$' "$scratch/text" | tail -1 | cut -c1-140)")
        [ "$name" != bench ] || sed -n '/^Goals/,$p' "$scratch/text" >"$scratch/goals"
        tar -C "$scratch" -czf "$results/tests.tar.gz" tests
        write_summary "${lines[@]}"
    done
    printf '\n'
    cat "$results/summary.txt"
    [ $failed -eq 0 ] || exit 1
    [ -n "$device" ] || exit 77
}

case "${1:-}" in
    prepare) prepare ;;
    run) run_steps "${@:2}" ;;
    *) die "use 'prepare' where it can be built, and 'run [STEP...]' where the GPU is" ;;
esac

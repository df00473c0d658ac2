// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

/// What the programs share that measure traces and the visualizer. They have Google Benchmark's
/// options, and `--tasks N`; `run_trace_suite.py` runs them.
namespace bench {

/// Of a long trace that is made up.
[[nodiscard]] std::uint64_t tasks() noexcept;

/// In the folder for temporary files, and this process's own.
[[nodiscard]] std::string trace_file();
void remove_trace_file();

/// A counter: so many pieces an iteration, in a second of the measured time.
inline benchmark::Counter per_second(double pieces) {
  return {pieces, benchmark::Counter::kIsIterationInvariantRate};
}

}  // namespace bench

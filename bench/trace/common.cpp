// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include "../compiler.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

namespace bench {
namespace {
std::uint64_t chosen_tasks = 1'000'000;
}

std::uint64_t tasks() noexcept { return chosen_tasks; }

std::string trace_file() {
  return std::filesystem::temp_directory_path() /
         ("fronta-bench-" + std::to_string(::getpid()) + ".trace");
}

void remove_trace_file() {
  std::error_code none;
  std::filesystem::remove(trace_file(), none);
}

}  // namespace bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    const auto* const begin = std::to_address(value.begin());
    const auto* const end = begin + value.size();
    const auto [at, error] = std::from_chars(begin, end, bench::chosen_tasks);
    if (flag != "--tasks" || error != std::errc() || at != end || bench::chosen_tasks < 1'000) {
      std::fprintf(stderr, "bench: \"%s\" is no option; give --tasks N, at least 1000.\n", argv[i]);
      return 1;
    }
  }
  benchmark::AddCustomContext("compiler", bench::compiler);
  benchmark::RunSpecifiedBenchmarks();
  bench::remove_trace_file();
  return 0;
}

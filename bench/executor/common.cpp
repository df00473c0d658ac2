// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

#include "../compiler.hpp"

namespace bench {
namespace {

// Google Benchmark calls a plain function.
settings chosen_settings;
const row* chosen_row = nullptr;

void run_chosen(benchmark::State& state) { chosen_row->run(state, chosen_settings); }

benchmark::internal::Benchmark* const registered = benchmark::RegisterBenchmark("row", run_chosen);

settings read(std::span<char* const> arguments, std::string& wanted) {
  settings s;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string flag = arguments[i];
    if (i + 1 == arguments.size()) fail("option " + flag + " needs a value");
    const std::string value = arguments[i + 1];
    if (flag == "--row") {
      wanted = value;
    } else if (flag == "--workers") {
      s.workers = std::stoi(value);
    } else if (flag == "--n") {
      s.n = std::stoul(value);
    } else if (flag == "--passes") {
      s.passes = std::stoi(value);
    } else if (flag == "--gap-us") {
      s.gap = std::chrono::microseconds(std::stol(value));
    } else if (flag == "--rate") {
      s.rate = std::stoi(value);
    } else if (flag == "--seconds") {
      s.length = seconds(std::stod(value));
    } else if (flag == "--count") {
      s.count = value == "1";
    } else if (flag == "--device") {
      s.device = value;
    } else {
      fail("there is no option " + flag);
    }
  }
  return s;
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::_Exit(1);
}

int run(int argc, char** argv, const std::string& about, std::span<const row> rows) {
  std::string wanted;
  chosen_settings = read({argv + 1, static_cast<std::size_t>(argc - 1)}, wanted);
  const auto found = std::ranges::find_if(rows, [&](const row& r) { return r.name == wanted; });
  if (found == rows.end()) {
    std::string names;
    for (const auto& r : rows) names += std::string(" ") + r.name;
    fail("--row is '" + wanted + "'; choose one of:" + names);
  }
  chosen_row = &*found;
  registered->Iterations(chosen_settings.passes)->UseManualTime();
  std::string format = "--benchmark_format=json";
  std::array<char*, 3> options{argv[0], format.data(), nullptr};
  int count = 2;
  benchmark::Initialize(&count, options.data());
  benchmark::AddCustomContext("about", about);
  benchmark::AddCustomContext("compiler", compiler);
  benchmark::RunSpecifiedBenchmarks();
  chosen_row = nullptr;
  return 0;
}

}  // namespace bench

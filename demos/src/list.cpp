// SPDX-License-Identifier: Apache-2.0
#include "list.hpp"

#include "output.hpp"

#include <fmt/format.h>

#include <array>

namespace fronta::demos {

std::span<const demo_entry> all_demos() {
  static constexpr std::array entries{
      demo_entry{"divisibility", "nested tasks, gpu tags, failures and retries: the headline demo"},
      demo_entry{"batch", "a pipeline over 200 files, with bounded and with unbounded memory"},
      demo_entry{"gridsearch", "a grid of models; the first good ones stop the rest"},
      demo_entry{"pipeline", "images decoded, filtered on gpus and encoded, in bounded memory"},
      demo_entry{"overlap", "copies and kernels one, two and three at a time, against their bound"},
  };
  return entries;
}

std::string not_built_yet() {
  return "SIMD kernels, worker processes, Dask, Ray, lessons and talks";
}

exit_code list(const session& s) {
  if (s.json) {
    auto object = begin_json("command", "list");
    object["demos"] = json::array();
    for (const auto& d : all_demos()) {
      object["demos"].push_back({{"name", d.name}, {"summary", d.summary}});
    }
    object["lessons"] = json::array();
    object["talks"] = json::array();
    print_json(object);
    return exit_code::success;
  }
  fmt::print("Demos (fronta run NAME)\n");
  for (const auto& d : all_demos()) fmt::print("  {:<13} {}\n", d.name, d.summary);
  fmt::print("\nNot built yet: {}.\n", not_built_yet());
  flush_output();
  return exit_code::success;
}

}  // namespace fronta::demos

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

namespace fronta::test {

/// Each task depends on up to three of the eight before it, perhaps twice on the same.
inline trace::file_contents random_graph(std::uint64_t seed, std::uint64_t tasks) {
  story s;
  std::mt19937_64 random(seed);
  for (std::uint64_t t = 1; t <= tasks; ++t) {
    s.main().at(static_cast<std::int64_t>(t) * 10).submit(t, t % 3 == 0 ? "join" : "part");
    for (auto n = random() % 4; n > 0 && t > 1; --n)
      s.main().dependency(t, t - 1 - random() % std::min<std::uint64_t>(8, t - 1));
    s.worker(0).at(static_cast<std::int64_t>(t) * 10 + 3).start(t);
    s.worker(0).at(static_cast<std::int64_t>(t) * 10 + 8).finish(t);
  }
  return s.told();
}

}  // namespace fronta::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fronta::viz {

/// From an executor's task to its number. Open addressing; a trace has millions of look-ups.
class task_table {
 public:
  static constexpr std::uint32_t empty = 0xFFFF'FFFF;

  [[nodiscard]] std::uint32_t number_if_known(std::uint16_t executor, std::uint64_t id) noexcept {
    return cells_.empty() ? empty : find(executor, id).number;
  }
  /// Where the number of the task is; or `empty`, and the caller puts it there at once.
  std::uint32_t& number_of(std::uint16_t executor, std::uint64_t id) {
    if (2 * (used_ + 1) > cells_.size()) grow();
    auto& c = find(executor, id);
    if (c.number == empty) {
      c.id = id;
      c.executor = executor;
      ++used_;
    }
    return c.number;
  }

 private:
  struct cell {
    std::uint64_t id = 0;
    std::uint32_t number = empty;
    std::uint16_t executor = 0;
  };

  cell& find(std::uint16_t executor, std::uint64_t id) noexcept {
    // Finaliser of splitmix64: ids of a made-up trace may be anything.
    auto h = id + executor * 0x9E37'79B9'7F4A'7C15;
    h = (h ^ (h >> 30)) * 0xBF58'476D'1CE4'E5B9;
    h = (h ^ (h >> 27)) * 0x94D0'49BB'1331'11EB;
    auto at = static_cast<std::size_t>(h ^ (h >> 31)) & (cells_.size() - 1);
    while (cells_[at].number != empty && (cells_[at].id != id || cells_[at].executor != executor)) {
      at = (at + 1) & (cells_.size() - 1);
    }
    return cells_[at];
  }

  void grow() {
    std::vector<cell> before(cells_.empty() ? 64 : 2 * cells_.size());
    before.swap(cells_);
    for (const auto& c : before) {
      if (c.number != empty) find(c.executor, c.id) = c;
    }
  }

  std::vector<cell> cells_;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace fronta::viz

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace fronta::viz::detail {

/// What devices were given and have told of nowhere in a trace, by stream and time. Answers look at
/// as many pieces as their number has digits; `see` is called with each.
class untold_work {
 public:
  struct stream {
    std::uint16_t executor = 0;
    std::int32_t place = -1;
    std::int32_t number = -1;
    auto operator<=>(const stream&) const = default;
  };
  struct blind {
    void operator()(const auto& /*piece*/) const noexcept {}
  };
  struct given {
    std::uint32_t first = std::numeric_limits<std::uint32_t>::max();  ///< the task of the earliest
    std::size_t tasks = 0;
    std::int64_t since = 0;  ///< of the earliest
  };

  /// From the last on that the device told of that task.
  void add(const stream& of, std::int64_t from, std::uint32_t task) {
    all_.push_back({{of, from}, task});
  }
  /// Once, when all is added.
  void sort() {
    std::ranges::sort(all_);
    all_.shrink_to_fit();
  }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }

  /// What the stream had been given by `t`.
  template <class See = blind>
  [[nodiscard]] given until(const stream& of, std::int64_t t, See see = {}) const {
    const auto first = first_from({of, std::numeric_limits<std::int64_t>::min()}, see);
    const auto last = first_after({of, t}, see);
    if (first == last) return {};
    return {all_[first].task, last - first, all_[first].when.second};
  }
  /// When it is given the next after `t`; the end of time if it is given none.
  template <class See = blind>
  [[nodiscard]] std::int64_t next(const stream& of, std::int64_t t, See see = {}) const {
    const auto at = first_after({of, t}, see);
    return at != all_.size() && all_[at].when.first == of
               ? all_[at].when.second
               : std::numeric_limits<std::int64_t>::max();
  }

 private:
  using moment = std::pair<stream, std::int64_t>;
  struct work {
    moment when;
    std::uint32_t task;
    auto operator<=>(const work&) const = default;
  };

  template <class See>
  [[nodiscard]] std::size_t first_from(const moment& when, See& see) const {
    return number_of(std::ranges::partition_point(all_, [&](const work& w) {
      see(w);
      return w.when < when;
    }));
  }
  template <class See>
  [[nodiscard]] std::size_t first_after(const moment& when, See& see) const {
    return number_of(std::ranges::partition_point(all_, [&](const work& w) {
      see(w);
      return w.when <= when;
    }));
  }
  [[nodiscard]] std::size_t number_of(std::vector<work>::const_iterator at) const {
    return static_cast<std::size_t>(at - all_.begin());
  }

  std::vector<work> all_;
};

}  // namespace fronta::viz::detail

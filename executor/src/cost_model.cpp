// SPDX-License-Identifier: Apache-2.0
#include "cost_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fronta::detail {

using std::chrono::nanoseconds;

// ---- recent_values

void recent_values::add(double value) {
  if (values_.size() < most) {
    values_.push_back(value);
    return;
  }
  values_[next_] = value;
  next_ = (next_ + 1) % most;
}

double recent_values::quantile(double q) const {
  auto sorted = values_;
  const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(sorted.size() - 1));
  std::ranges::nth_element(sorted, sorted.begin() + at);
  return sorted[static_cast<std::size_t>(at)];
}

double recent_values::spread() const {
  const auto middle = median();
  return middle > 0 ? (quantile(0.75) - quantile(0.25)) / 2 / middle : 0;
}

// ---- cost_model

int cost_model::size_of(std::size_t bytes) noexcept {
  return static_cast<int>(std::bit_width(bytes));
}

void cost_model::began(const kind& k, body b) {
  if (known_.size() >= most_kinds && !known_.contains(k)) {
    // Names that are made up for each task would be kept for ever. What is forgotten is explored.
    std::erase_if(known_, [](const auto& entry) {
      return std::ranges::all_of(entry.second.of,
                                 [](const auto& h) { return h.second.under_way == 0; });
    });
  }
  auto& all = known_[k];
  auto& h = all.of[b];
  ++h.under_way;
  h.last_begun = ++all.begun;
}

void cost_model::ended(const kind& k, body b) {
  auto& h = known_[k].of[b];
  --h.under_way;
  if (!std::exchange(h.has_run, false)) ++h.without_figure;
}

void cost_model::ran(const kind& k, body b, nanoseconds took) {
  auto& h = known_[k].of[b];
  h.runs.add(std::max(0.0, static_cast<double>(took.count())));
  h.has_run = true;
  h.without_figure = 0;
}

void cost_model::moved(std::int32_t place, bool to_host, std::size_t bytes, nanoseconds took) {
  if (took.count() <= 0) return;  // the clock saw nothing
  links_[{place, to_host}].add(static_cast<double>(bytes) / static_cast<double>(took.count()));
}

std::optional<nanoseconds> cost_model::copy_time(std::int32_t place, bool to_host,
                                                 std::size_t bytes) const {
  const auto at = links_.find({place, to_host});
  if (at == links_.end()) return std::nullopt;
  return nanoseconds(std::llround(static_cast<double>(bytes) / at->second.median()));
}

const cost_model::history& cost_model::find(const kind& k, body b) const {
  static const history unknown;
  const auto of_kind = known_.find(k);
  if (of_kind == known_.end()) return unknown;
  const auto at = of_kind->second.of.find(b);
  return at != of_kind->second.of.end() ? at->second : unknown;
}

cost_model::verdict cost_model::choose(const kind& k, std::span<candidate> from) const {
  using reason = placement::reason;
  // Who is smaller, the first of equals; `size` may say that one does not count.
  const auto least = [&](auto&& size) {
    std::optional<std::size_t> best;
    std::optional<double> smallest;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::optional<double> s = size(from[i]);
      if (s && (!smallest || *s < *smallest)) {
        best = i;
        smallest = s;
      }
    }
    return best;
  };
  // A body that only ever failed is left out while there is another one, but tried now and then.
  const auto fails = [&](const candidate& c) {
    const auto& h = find(k, c.runs);
    return h.runs.empty() && h.without_figure >= enough;
  };
  const bool all_fail = std::ranges::all_of(from, fails);
  const auto out = [&](const candidate& c) {
    return !all_fail && fails(c) &&
           known_.find(k)->second.begun - find(k, c.runs).last_begun < refresh_after;
  };
  bool all_known = true;
  for (auto& c : from) {
    const auto& h = find(k, c.runs);
    auto& about = c.about;
    about.samples = h.runs.count();
    if (h.runs.empty()) {
      all_known = all_known && out(c);
      continue;
    }
    about.run = nanoseconds(std::llround(h.runs.median()));
    about.spread = h.runs.spread();
    about.ahead += *about.run * static_cast<std::int64_t>(c.tasks_ahead);
  }
  const auto missing = [&](const candidate& c) {
    return out(c) ? std::nullopt : std::optional(static_cast<double>(c.about.missing));
  };

  // The body with the fewest, then where least has to be copied.
  std::size_t fewest = enough;
  for (const auto& c : from) {
    const auto& h = find(k, c.runs);
    if (!out(c)) fewest = std::min(fewest, h.runs.count() + h.under_way);
  }
  if (fewest < enough) {
    const auto at = least([&](const candidate& c) {
      const auto& h = find(k, c.runs);
      return h.runs.count() + h.under_way == fewest ? missing(c) : std::nullopt;
    });
    return {*at, reason::exploring};
  }
  if (!all_known) return {*least(missing), reason::no_figures};

  const auto total = [&](const candidate& c) {
    return out(c) ? std::nullopt : std::optional(static_cast<double>(c.about.total()->count()));
  };
  const auto best = *least(total);
  const auto expected = *total(from[best]);
  const auto begun = known_.find(k)->second.begun;
  const auto old = least([&](const candidate& c) {
    const bool is_old = !out(c) && begun - find(k, c.runs).last_begun >= refresh_after;
    return is_old && *total(c) <= refresh_at_most * expected ? total(c) : std::nullopt;
  });
  if (old) return {*old, reason::refreshing};

  // Its data is where less has to be copied than anywhere else.
  const auto home = *least(missing);
  const bool has_home = std::ranges::count_if(from, [&](const candidate& c) {
                          return c.about.missing == from[home].about.missing;
                        }) == 1;
  if (has_home && home != best && expected >= leaves_below * *total(from[home])) {
    return {home, reason::stays};
  }
  return {best, reason::cost};
}

}  // namespace fronta::detail

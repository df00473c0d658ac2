// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <tuple>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, task_states> state_names{"waiting for inputs",
                                                                "waiting for tags",
                                                                "queued",
                                                                "waiting to retry",
                                                                "copying",
                                                                "running",
                                                                "suspended",
                                                                "done",
                                                                "failed",
                                                                "cancelled",
                                                                "unknown"};

constexpr std::size_t block = 64;

}  // namespace

std::string_view name_of(task_state s) noexcept { return state_names[static_cast<std::size_t>(s)]; }

std::string_view index::name_of(task_number t) const noexcept {
  const auto text = tasks_[t].text;
  return text == 0 ? std::string_view("task") : std::string_view(texts_[text]);
}

std::string_view index::place_name(std::uint16_t executor, std::int32_t place) const {
  const auto found = std::ranges::find_if(
      places_, [&](const auto& p) { return p.executor == executor && p.number == place; });
  return found == places_.end() ? std::string_view() : std::string_view(found->name);
}

std::optional<task_number> index::find(std::uint16_t executor, std::uint64_t id) const {
  const auto found = std::ranges::find_if(
      tasks_, [&](const task& t) { return t.id == id && t.executor == executor; });
  if (found == tasks_.end()) return std::nullopt;
  return static_cast<task_number>(found - tasks_.begin());
}

std::size_t index::bars_of(std::uint32_t lane) const noexcept {
  return lane_rows_[lane].bars.size();
}

bar index::bar_at(std::uint32_t lane, std::size_t nth) const noexcept {
  const auto& b = lane_rows_[lane].bars[nth];
  const auto& began = events_[b.begin];
  bar out;
  out.begin = began.time;
  out.end = b.end == none ? forever : events_[b.end].time;
  out.task = b.task;
  if (began.kind == device_began) out.span = static_cast<std::uint32_t>(began.argument);
  out.what = b.what;
  out.depth = b.depth;
  out.attempt = b.attempt;
  out.came_over = (b.flags & stored_bar::came_over) != 0;
  out.goes_on = (b.flags & stored_bar::goes_on) != 0;
  out.failed = (b.flags & stored_bar::failed) != 0;
  out.lost = (b.flags & stored_bar::lost) != 0;
  return out;
}

std::size_t index::first_bar_after(std::uint32_t lane, std::int64_t t) const noexcept {
  const auto& row = lane_rows_[lane];
  // Blocks before hold only bars that have ended.
  const auto at = std::ranges::find_if(row.blocks, [t](const auto& b) { return b.latest_end > t; });
  auto nth = static_cast<std::size_t>(at - row.blocks.begin()) * block;
  nth = std::min(nth, row.bars.size());
  while (nth < row.bars.size() && bar_at(lane, nth).end <= t) ++nth;
  return nth;
}

std::size_t index::first_bar_from(std::uint32_t lane, std::int64_t t) const noexcept {
  const auto& bars = lane_rows_[lane].bars;
  const auto at = std::ranges::partition_point(
      bars, [&](const stored_bar& b) { return events_[b.begin].time < t; });
  return static_cast<std::size_t>(at - bars.begin());
}

std::size_t index::rows_of(std::uint32_t lane) const noexcept { return lane_rows_[lane].rows; }

index::cluster index::cluster_from(std::uint32_t lane, std::size_t first_bar, std::int64_t until,
                                   std::int64_t least) const noexcept {
  const auto& row = lane_rows_[lane];
  cluster c;
  c.next = first_bar;
  c.end = std::numeric_limits<std::int64_t>::min();
  const auto stop = first_bar_from(lane, until);
  while (c.next < stop) {
    if (c.next % block == 0 && c.next + block <= stop) {
      const auto& whole = row.blocks[c.next / block];
      if (whole.longest < least) {
        c.busy += whole.busy;
        c.end = std::max(c.end, whole.latest_end);
        c.failed = c.failed || whole.failed;
        c.next += block;
        continue;
      }
    }
    const auto b = bar_at(lane, c.next);
    const auto length = b.end == forever ? forever : b.end - b.begin;
    if (length >= least) break;
    if (b.what == bar::kind::suspended) {
      c.busy -= length;
    } else if (b.depth == 0) {
      c.busy += length;
    }
    c.end = std::max(c.end, b.end);
    c.failed = c.failed || b.failed;
    ++c.next;
  }
  return c;
}

std::span<const std::pair<std::int64_t, std::int64_t>> index::parked(
    std::uint32_t lane) const noexcept {
  return lane_rows_[lane].parked;
}

std::uint32_t index::last_event(std::int64_t t) const noexcept {
  const auto after = std::ranges::upper_bound(events_, t, {}, &event::time);
  return after == events_.begin() ? none : static_cast<std::uint32_t>(after - events_.begin() - 1);
}

std::pair<std::int64_t, std::int64_t> index::uncertainty(const bar& b) const noexcept {
  if (b.span == none) return {0, 0};
  const auto& s = spans_[b.span];
  return {(s.begin_latest - s.begin_earliest) / 2, (s.end_latest - s.end_earliest) / 2};
}

const change* index::state_of(task_number t, std::int64_t at) const noexcept {
  for (auto c = tasks_[t].last_change; c != none; c = changes_[c].previous) {
    if (time_of(changes_[c]) <= at) return &changes_[c];
  }
  return nullptr;
}

std::size_t index::changes_until(std::int64_t t) const noexcept {
  const auto after =
      std::ranges::partition_point(changes_, [&](const change& c) { return time_of(c) <= t; });
  return static_cast<std::size_t>(after - changes_.begin());
}

const index::checkpoint* index::checkpoint_before(std::size_t changes) const noexcept {
  const auto after = std::ranges::upper_bound(checkpoints_, changes, {}, &checkpoint::changes);
  return after == checkpoints_.begin() ? nullptr : &*std::prev(after);
}

std::vector<std::uint32_t> index::counts_at(std::int64_t t) const {
  const auto until = changes_until(t);
  std::vector<std::uint32_t> counts(task_states);
  const auto* from = checkpoint_before(until);
  if (from == nullptr) return counts;
  std::ranges::copy_n(from->counts.begin(), task_states, counts.begin());
  for (auto c = from->changes; c < until; ++c) {
    ++counts[static_cast<std::size_t>(changes_[c].state)];
    if (const auto before = changes_[c].previous; before != none)
      --counts[static_cast<std::size_t>(changes_[before].state)];
  }
  return counts;
}

std::uint32_t index::length_at(std::uint32_t queue, std::int64_t t) const {
  const auto until = changes_until(t);
  const auto* from = checkpoint_before(until);
  if (from == nullptr) return 0;
  const auto slot = task_states + queue;
  auto length = slot < from->counts.size() ? from->counts[slot] : 0;
  for (auto c = from->changes; c < until; ++c) {
    if (is_in_queue(changes_[c]) && changes_[c].where == queue) ++length;
    const auto before = changes_[c].previous;
    if (before != none && is_in_queue(changes_[before]) && changes_[before].where == queue)
      --length;
  }
  return length;
}

std::vector<task_number> index::queued_at(std::uint32_t queue, std::int64_t t, std::size_t most,
                                          first order) const {
  std::vector<task_number> found;
  const auto& row = queue_rows_[queue];
  const auto until = changes_until(t);  // those have happened
  const auto last = std::ranges::lower_bound(row.entries, until);
  const auto size = static_cast<std::size_t>(last - row.entries.begin());
  const auto take = [&](std::size_t nth) {
    const auto& c = changes_[row.entries[nth]];
    const auto task = events_[c.event].task;
    if (state_of(task, t) == &c) found.push_back(task);
    return found.size() < most;
  };
  if (most == 0) return found;
  const auto blocks = (size + block - 1) / block;
  for (std::size_t k = 0; k < blocks; ++k) {
    const auto b = order == first::oldest ? k : blocks - 1 - k;
    if (row.latest_end[b] < until) continue;
    const auto from = b * block;
    const auto count = std::min(size, from + block) - from;
    for (std::size_t i = 0; i < count; ++i) {
      if (!take(order == first::oldest ? from + i : from + count - 1 - i)) return found;
    }
  }
  return found;
}

std::vector<bar> index::open_at(std::uint32_t lane, std::int64_t t) const {
  std::vector<bar> open;
  const auto stop = first_bar_from(lane, t == forever ? t : t + 1);
  for (auto nth = first_bar_after(lane, t); nth < stop; ++nth) {
    const auto b = bar_at(lane, nth);
    if (b.end > t) open.push_back(b);
    // Short bars inside a long one: leave out the blocks that have ended.
    if ((nth + 1) % block == 0) {
      auto next = (nth + 1) / block;
      const auto& blocks = lane_rows_[lane].blocks;
      while (next < blocks.size() && blocks[next].latest_end <= t) ++next;
      nth = next * block - 1;
    }
  }
  std::ranges::sort(open, {}, [](const bar& b) { return std::tuple(b.depth, b.begin, b.what); });
  return open;
}

std::optional<index::untold> index::untold_at(std::uint32_t number, std::int64_t t) const {
  const auto& l = lanes_[number];
  if (l.what != lane::kind::stream) return std::nullopt;
  untold found;
  for (const auto& w : untold_) {
    if (w.from > t || w.executor != l.executor || w.place != l.place || w.stream != l.number)
      continue;
    if (found.tasks++ == 0) {
      found.first = w.task;
      found.since = w.from;
    }
  }
  if (found.tasks == 0) return std::nullopt;
  // A stream does one after the other, so it was not at these before what it did tell of.
  const auto next = first_bar_from(number, t);
  if (next != bars_of(number)) return std::nullopt;
  if (next != 0) {
    const auto before = bar_at(number, next - 1).end;
    if (before > t) return std::nullopt;
    found.since = std::max(found.since, before);
  }
  return found;
}

std::string index::why_blank(std::uint32_t lane, std::int64_t t) const {
  const auto& l = lanes_[lane];
  if (t > end_) return "not known";
  switch (l.what) {
    case lane::kind::reserved:
      return "free";
    case lane::kind::thread:
      return "outside tasks";
    case lane::kind::copies:
      // Devices tell when they are done.
      return !ended_ && first_bar_after(lane, t) == bars_of(lane) ? "no copy told of yet"
                                                                  : "nothing to copy";
    case lane::kind::stream: {
      if (untold_at(lane, t)) return "enqueued, not told of yet";
      const auto q = std::ranges::find_if(queues_, [&](const queue& x) {
        return x.what == queue::kind::stream && x.executor == l.executor && x.place == l.place &&
               x.number == l.number;
      });
      const bool waits =
          q != queues_.end() && length_at(static_cast<std::uint32_t>(q - queues_.begin()), t) != 0;
      return waits ? "what is enqueued waits" : "nothing enqueued";
    }
    case lane::kind::slot:
      break;
  }
  const auto& parked = lane_rows_[lane].parked;
  const bool ran = bars_of(lane) != 0 && bar_at(lane, 0).begin <= t;
  if (!ran && (parked.empty() || parked.front().first > t)) return "not started yet";
  const auto after = std::ranges::upper_bound(parked, t, {}, [](const auto& p) { return p.first; });
  if (after == parked.begin() || std::prev(after)->second <= t) return "between tasks";
  const auto counts = counts_at(t);
  const auto say = [&](task_state s, std::string_view what) {
    const auto n = counts[static_cast<std::size_t>(s)];
    return n == 0 ? std::string()
                  : std::to_string(n) + (n == 1 ? " task waits for " : " tasks wait for ") +
                        std::string(what);
  };
  for (const auto& words :
       {say(task_state::waiting_tags, "tags"), say(task_state::waiting_inputs, "inputs"),
        say(task_state::retry_wait, "a retry")}) {
    if (!words.empty()) return "sleeps: " + words;
  }
  return "sleeps: nothing to do";
}

std::size_t index::completed_at(std::int64_t t) const noexcept {
  const auto after = std::ranges::partition_point(
      completions_, [&](std::uint32_t c) { return time_of(changes_[c]) <= t; });
  return static_cast<std::size_t>(after - completions_.begin());
}

}  // namespace fronta::viz

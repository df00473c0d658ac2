// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

// The bars of lanes.
namespace fronta::viz {
namespace {

// By a number that is there.
template <class Value>
Value value_of(const std::vector<std::pair<std::uint32_t, Value>>& of,
               std::uint32_t number) noexcept {
  return std::ranges::lower_bound(of, number, {}, [](const auto& p) { return p.first; })->second;
}

}  // namespace

bool is_in_rows(lane::kind what) noexcept {
  return what != lane::kind::slot && what != lane::kind::thread;
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
  out.task = (b.flags & stored_bar::of_other) != 0
                 ? value_of(lane_rows_[lane].tasks, static_cast<std::uint32_t>(nth))
                 : began.task;
  out.sure_begin = out.begin;
  out.sure_end = out.end;
  if (began.kind == device_began) {
    out.span = static_cast<std::uint32_t>(began.argument);
    const auto& s = spans_[out.span];
    out.sure_begin = s.begin_latest;
    out.sure_end = s.end_earliest;
  }
  out.what = b.what;
  out.depth = b.depth;
  out.attempt = b.attempt;
  out.came_over = (b.flags & stored_bar::came_over) != 0;
  out.goes_on = (b.flags & stored_bar::goes_on) != 0;
  out.failed = (b.flags & stored_bar::failed) != 0;
  out.lost = (b.flags & stored_bar::lost) != 0;
  if ((b.flags & stored_bar::timed) != 0)
    out.cpu_time = value_of(lane_rows_[lane].cpu, static_cast<std::uint32_t>(nth));
  return out;
}

std::size_t index::next_after(const lane_row& row, std::size_t from,
                              std::int64_t t) const noexcept {
  return row.levels.walk(
      from, row.bars.size(), [t](const auto& many) { return many.latest_end <= t; },
      [&](std::size_t nth) {
        const auto end = row.bars[nth].end;
        return end != none && events_[end].time <= t;
      });
}

std::size_t index::first_bar_after(std::uint32_t lane, std::int64_t t) const noexcept {
  // The end of time is not after itself.
  const auto& row = lane_rows_[lane];
  return t == forever ? row.bars.size() : next_after(row, 0, t);
}

std::size_t index::first_bar_from(std::uint32_t lane, std::int64_t t) const noexcept {
  const auto& bars = lane_rows_[lane].bars;
  const auto at = std::ranges::partition_point(
      bars, [&](const stored_bar& b) { return events_[b.begin].time < t; });
  return static_cast<std::size_t>(at - bars.begin());
}

std::size_t index::rows_of(std::uint32_t lane) const noexcept { return lane_rows_[lane].rows; }

// As far as it has got at `at`.
detail::bar_levels::part index::part_of(const lane_row& row, std::size_t nth,
                                        std::int64_t at) const noexcept {
  const auto& stored = row.bars[nth];
  const auto begin = events_[stored.begin].time;
  const auto end = stored.end == none ? forever : events_[stored.end].time;
  detail::bar_levels::part p{.begin = begin, .end = std::min(end, at), .depth = stored.depth};
  if ((stored.flags & stored_bar::failed) != 0 && end <= at) p.first_failure = end;
  if (events_[stored.begin].kind == device_began) {
    const auto& s = spans_[events_[stored.begin].argument];
    p.busy = std::max<std::int64_t>(0, std::min(s.end_earliest, p.end) - s.begin_latest);
  } else if (stored.what != bar::kind::suspended) {
    p.busy = p.end == forever ? 0 : p.end - begin;
    if ((stored.flags & stored_bar::hosts) != 0)
      p.busy = std::min(p.busy, value_of(row.own, static_cast<std::uint32_t>(nth)));
  }
  return p;
}

index::cluster index::cluster_from(std::uint32_t lane, std::size_t first_bar, std::int64_t until,
                                   std::int64_t least, std::int64_t at,
                                   std::int64_t together) const {
  using part = detail::bar_levels::part;
  const auto& row = lane_rows_[lane];
  const bool in_rows = is_in_rows(lanes_[lane].what);
  cluster c;
  c.end = std::numeric_limits<std::int64_t>::min();
  const auto take = [&](const part& p) {
    const auto end = std::min(p.end, at);
    const auto failure = p.first_failure <= at ? p.first_failure : forever;
    c.end = std::max(c.end, end);
    const auto same = std::ranges::find_if(
        c.rows, [&](const cluster::row& r) { return !in_rows || r.depth == p.depth; });
    if (same == c.rows.end()) {
      c.rows.push_back({p.depth, p.bars, p.begin, end, p.busy, failure});
      return;
    }
    same->depth = std::min(same->depth, p.depth);
    same->bars += p.bars;
    same->begin = std::min(same->begin, p.begin);
    same->end = std::max(same->end, end);
    same->busy += p.busy;
    same->first_failure = std::min(same->first_failure, failure);
  };
  const auto& levels = row.levels;
  const auto is_whole = [&](const detail::bar_levels::node& n) {
    return n.longest < least && n.latest_end < at && n.latest_end - levels.begin_of(n) < together;
  };
  constexpr auto fan = detail::bar_levels::fan;
  auto from = first_bar;
  bool is_over = false;
  // Whole ones without a look at their bars.
  while (together != 0 && from % fan == 0 && from < levels.size()) {
    const auto& n = levels.lowest_of(from);
    is_over = levels.begin_of(n) >= until;
    if (is_over || !is_whole(n)) break;
    for (const auto& p : levels.parts(n)) take(p);
    from = std::min(from + fan, levels.size());
  }
  auto stop = is_over ? from : std::max(from, first_bar_from(lane, std::min(until, at)));
  // One that begins there may come after a gap that is seen.
  if (together != 0 && stop % fan != 0 && stop > from && stop < levels.size() &&
      is_whole(levels.lowest_of(stop)))
    stop = std::min((stop / fan + 1) * fan, levels.size());
  c.next = levels.walk(
      from, stop,
      [&](const auto& many) {
        if (many.longest >= least || many.latest_end > at) return false;
        for (const auto& p : row.levels.parts(many)) take(p);
        return true;
      },
      [&](std::size_t nth) {
        const auto& b = row.bars[nth];
        // Nobody knows yet how long one that goes on will be.
        const bool is_short =
            b.end == none ? least == forever && at != forever
                          : std::min(events_[b.end].time, at) - events_[b.begin].time < least;
        if (!is_short) return false;
        take(part_of(row, nth, at));
        return true;
      });
  std::ranges::sort(c.rows, {}, &cluster::row::depth);
  for (auto& r : c.rows) {
    if (!in_rows) r.busy = std::min(r.busy, r.end - r.begin);
    c.busy += r.busy;
  }
  return c;
}

std::span<const std::pair<std::int64_t, std::int64_t>> index::parked(
    std::uint32_t lane) const noexcept {
  return lane_rows_[lane].parked;
}

std::vector<bar> index::open_at(std::uint32_t lane, std::int64_t t) const {
  std::vector<bar> open;
  const auto& row = lane_rows_[lane];
  const auto stop = first_bar_from(lane, t == forever ? t : t + 1);
  for (auto nth = first_bar_after(lane, t); nth < stop; nth = next_after(row, nth + 1, t))
    open.push_back(bar_at(lane, nth));
  std::ranges::sort(open, {}, [](const bar& b) { return std::tuple(b.depth, b.begin, b.what); });
  return open;
}

std::pair<std::int64_t, std::int64_t> index::uncertainty(const bar& b) const noexcept {
  if (b.span == none) return {0, 0};
  const auto& s = spans_[b.span];
  return {(s.begin_latest - s.begin_earliest) / 2, (s.end_latest - s.end_earliest) / 2};
}

}  // namespace fronta::viz

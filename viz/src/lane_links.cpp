// SPDX-License-Identifier: Apache-2.0
#include "lane_links.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr std::size_t most_arrows = 40;
constexpr std::size_t most_tethers = 8;
constexpr std::size_t most_curves = 24;

const lane_painter* row_of(std::span<const lane_painter> lanes, std::uint32_t lane) {
  const auto found = std::ranges::find(lanes, lane, &lane_painter::lane);
  return found == lanes.end() ? nullptr : &*found;
}

const lane_painter* row_of_slot(const index& of, std::span<const lane_painter> lanes,
                                const queue& whose, std::int32_t number) {
  const auto found = std::ranges::find_if(lanes, [&](const lane_painter& one) {
    const auto& l = of.lanes()[one.lane()];
    return l.what == lane::kind::slot && l.executor == whose.executor && l.place == whose.place &&
           l.number == number;
  });
  return found == lanes.end() ? nullptr : &*found;
}

float middle_of(const rect& r) noexcept { return r.y + r.height / 2; }

// Seen on whatever lies below: light on dark on light.
void draw_ground(painter& p, const item_id& id, point from, point to) {
  p.draw_line(id, from, to, p.colors().page, 4 * p.stroke());
}
void draw_ink(painter& p, item_id id, point from, point to, dash pattern) {
  ++id.nth;
  p.draw_line(id, from, to, p.colors().text, 1.5F * p.stroke(), pattern);
}

// The deque into which the event brought its task.
const queue* queue_after(const index& of, std::uint32_t event) {
  for (auto c = of.tasks()[of.events()[event].task].last_change; c != none;
       c = of.changes()[c].previous) {
    const auto& change = of.changes()[c];
    if (change.event == event)
      return change.where < of.queues().size() ? &of.queues()[change.where] : nullptr;
  }
  return nullptr;
}

// Where a task is at work on a lane, as far as it has got.
struct stretch {
  std::uint32_t lane = none;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

std::vector<stretch> stretches_of(const index& of, task_number t, std::int64_t at) {
  std::vector<stretch> found;
  auto until = at;
  for (auto c = of.tasks()[t].last_change; c != none; c = of.changes()[c].previous) {
    const auto& change = of.changes()[c];
    const auto begin = of.time_of(change);
    // One that waits may have lent its lane to others.
    const bool at_work = change.state == task_state::running || change.state == task_state::copying;
    if (begin <= at && at_work && change.where < of.lanes().size())
      found.push_back({change.where, begin, until});
    until = std::min(begin, at);
  }
  std::ranges::reverse(found);
  return found;
}

bool is_drawn(const lane_painter& on, task_number t, float left, float right) {
  return std::ranges::any_of(on.bars(), [&](const lane_painter::drawn& d) {
    return d.task == t && d.at.x <= right + 1 && d.at.right() >= left - 1;
  });
}

class relation_painter {
 public:
  relation_painter(painter& p, const moment_in_view& m, const time_axis& a, const relations& r,
                   std::span<const lane_painter> lanes, std::vector<rect>& covered)
      : p_(p), m_(m), axis_(a), relations_(r), lanes_(lanes), covered_(covered) {}

  void draw() {
    const auto selected = stretches_of(m_.of, relations_.selected(), m_.at);
    mark(relations_.selected(), selected);
    std::uint32_t nth = 0;
    for (const auto t : relations_.inputs()) {
      if (nth == most_curves) break;
      const auto its = stretches_of(m_.of, t, m_.at);
      mark(t, its);
      if (!its.empty() && !selected.empty()) {
        draw_curve(nth, point_of(its.back().lane, its.back().end, t),
                   point_of(selected.front().lane, selected.front().begin, relations_.selected()));
      }
      ++nth;
    }
    nth = 0;
    for (const auto t : relations_.dependents()) {
      if (nth == most_curves) break;
      const auto its = stretches_of(m_.of, t, m_.at);
      mark(t, its);
      if (!its.empty() && !selected.empty()) {
        draw_curve(most_curves + nth,
                   point_of(selected.back().lane, selected.back().end, relations_.selected()),
                   point_of(its.front().lane, its.front().begin, t));
      }
      ++nth;
    }
  }

 private:
  [[nodiscard]] std::optional<point> point_of(std::uint32_t lane, std::int64_t t,
                                              task_number whose) const {
    const auto* row = row_of(lanes_, lane);
    if (row == nullptr || t < m_.from || t > m_.to) return std::nullopt;
    const auto x = axis_.x(t);
    auto y = middle_of(row->row());
    for (const auto& d : row->bars()) {
      if (d.task == whose && d.at.x <= x + 1 && d.at.right() >= x - 1) y = middle_of(d.at);
    }
    return point{x, y};
  }

  void draw_curve(std::size_t nth, const std::optional<point>& from,
                  const std::optional<point>& to) {
    if (!from || !to) return;
    const auto head = std::min(p_.units(1.2F), std::max(0.0F, to->x - axis_.left));
    const point end{to->x - head, to->y};
    const auto middle = (from->x + end.x) / 2;
    item_id id{kind::edge, part::frame, relations_.selected(), static_cast<std::uint32_t>(3 * nth)};
    const curve way{*from, {middle, from->y}, {middle, end.y},
                    end,   p_.colors().page,  4 * p_.stroke()};
    p_.draw_curve(id, way);
    ++id.nth;
    auto ink = way;
    ink.ink = p_.colors().text;
    ink.width = 1.5F * p_.stroke();
    p_.draw_curve(id, ink);
    ++id.nth;
    if (head >= 2) p_.arrow_head(id, {end.x, end.y - head / 2, head, head}, true, p_.colors().text);
    // Box by box: the control points are at the heights of the ends, half way between.
    constexpr int pieces = 24;
    const auto reach = 2 * p_.stroke();
    auto last = *from;
    for (int i = 1; i <= pieces; ++i) {
      const auto t = static_cast<float>(i) / pieces;
      const auto u = 1 - t;
      const point next{u * u * u * from->x + 3 * u * t * middle + t * t * t * end.x,
                       (u * u * u + 3 * u * u * t) * from->y + (3 * u * t * t + t * t * t) * end.y};
      covered_.push_back({std::min(last.x, next.x) - reach, std::min(last.y, next.y) - reach,
                          std::abs(next.x - last.x) + 2 * reach,
                          std::abs(next.y - last.y) + 2 * reach});
      last = next;
    }
  }

  // Those that no bar of their own shows.
  void mark(task_number t, const std::vector<stretch>& its) {
    std::uint32_t nth = 0;
    for (const auto& s : its) {
      const auto* row = row_of(lanes_, s.lane);
      if (row == nullptr || s.end < m_.from || s.begin > m_.to) continue;
      const auto left = axis_.x(s.begin);
      const auto right = axis_.x(s.end);
      if (is_drawn(*row, t, left, right)) continue;
      if (nth == most_curves) return;
      const auto least = 4 * p_.stroke();
      const auto width = std::max(least, right - left);
      const rect at{std::clamp(left, axis_.left, axis_.left + axis_.width - width), row->row().y,
                    width, row->row().height};
      const item_id id{kind::task, part::mark, t, 0x8000'0000U + 2 * nth++};
      if (t == relations_.selected()) {
        p_.ring(id, at);
      } else {
        p_.outline(id, at, p_.colors().text, 2 * p_.stroke(), dash::dashed);
      }
      p_.meet(id, at, called(t) + " (" + relations_.in_words(t) + ")");
    }
  }

  painter& p_;
  const moment_in_view& m_;
  const time_axis& axis_;
  const relations& relations_;
  std::span<const lane_painter> lanes_;
  std::vector<rect>& covered_;
};

}  // namespace

rect widest_free(const rect& in, std::span<const rect> ways) {
  std::vector<std::pair<float, float>> taken;
  for (const auto& w : ways) {
    if (w.x < in.right() && in.x < w.right() && w.y < in.bottom() && in.y < w.bottom())
      taken.emplace_back(w.x, w.right());
  }
  std::ranges::sort(taken);
  taken.emplace_back(in.right(), in.right());
  rect best{in.x, in.y, 0, in.height};
  auto left = in.x;
  for (const auto& [from, to] : taken) {
    if (from - left > best.width) {
      best.x = left;
      best.width = from - left;
    }
    left = std::max(left, to);
  }
  return best;
}

bool lane_links::steal::lies_on(const steal& other) const noexcept {
  if (std::abs(x - other.x) >= 0.75F * std::max(head, other.head)) return false;
  return std::max(std::min(from, tip), std::min(other.from, other.tip)) <
         std::min(std::max(from, tip), std::max(other.from, other.tip));
}

void lane_links::add_steal(std::vector<steal>& to, std::uint32_t event) const {
  const auto& e = m_.of.events()[event];
  const auto* q = queue_after(m_.of, event);
  if (q == nullptr || e.argument > 0x7FFF) return;
  const auto* thief = row_of_slot(m_.of, lanes_, *q, q->number);
  const auto* victim = row_of_slot(m_.of, lanes_, *q, static_cast<std::int32_t>(e.argument));
  if (thief == nullptr || victim == nullptr || thief == victim) return;
  const auto head = std::min(p_.units(1.2F), thief->row().height * 0.6F);
  const bool down = thief->row().y > victim->row().y;
  const auto edge = down ? thief->row().y : thief->row().bottom();
  const auto x =
      std::clamp(axis_.x(e.time), axis_.left + head / 2, axis_.left + axis_.width - head / 2);
  steal made{event, x,     middle_of(victim->row()), edge, down ? edge + head : edge - head, head,
             thief, victim};
  const auto is_same = [&](const steal& s) {
    return s.thief == thief && s.victim == victim && made.lies_on(s);
  };
  if (const auto same = std::ranges::find_if(to, is_same); same != to.end()) {
    same->more.push_back(event);
    return;
  }
  to.push_back(std::move(made));
}

std::string lane_links::in_words(const steal& s) const {
  auto words = called(m_.of.events()[s.event].task);
  for (const auto e : s.more) {
    words += ", ";
    words += std::to_string(std::uint64_t{m_.of.events()[e].task} + 1);
  }
  words += s.more.empty() ? " is stolen by " : " are stolen by ";
  words += m_.of.lanes()[s.thief->lane()].name;
  words += " from ";
  words += m_.of.lanes()[s.victim->lane()].name;
  if (!s.more.empty()) {
    words += ": ";
    words += grouped(s.more.size() + 1);
    words += " steals";
  }
  return words;
}

void lane_links::draw(const steal& s, bool bold, std::string tip) {
  const item_id id{kind::task, part::steal, m_.of.events()[s.event].task, s.event};
  const auto ink = p_.colors().text;
  draw_ink(p_, id, {s.x, s.from}, {s.x, s.edge}, dash::solid);
  const auto dot = (bold ? 3.0F : 2.0F) * p_.stroke();
  if (bold)
    p_.fill(id, {s.x - dot / 2, std::min(s.from, s.edge), dot, std::abs(s.edge - s.from)}, ink);
  p_.fill(id, {s.x - dot, s.from - dot, 2 * dot, 2 * dot}, ink);
  p_.draw_polygon(id, {{s.x - s.head / 2, s.edge}, {s.x + s.head / 2, s.edge}, {s.x, s.tip}}, ink);
  const auto reach = std::max(s.head / 2, dot);
  const rect at{s.x - reach, std::min(s.from, s.tip), 2 * reach, std::abs(s.tip - s.from)};
  covered_.push_back(at);
  p_.meet(id, at, std::move(tip));
}

std::size_t lane_links::draw_steals() {
  const auto& of = m_.of;
  const auto all = of.steals();
  const auto time = [&](std::uint32_t e) { return of.events()[e].time; };
  const auto until = std::min(m_.at, m_.to);
  const auto first =
      std::ranges::partition_point(all, [&](std::uint32_t e) { return time(e) < m_.from; });
  const auto last =
      std::ranges::partition_point(all, [&](std::uint32_t e) { return time(e) <= until; });
  if (last <= first) return 0;
  const auto count = static_cast<std::size_t>(last - first);
  const auto room = static_cast<std::size_t>(axis_.width / p_.units(2.5F));
  const bool thin = std::ranges::any_of(
      lanes_, [&](const lane_painter& l) { return l.row().height < p_.units(1.2F); });
  if (count > std::min(most_arrows, room) || thin) return count;
  std::vector<steal> arrows;
  for (auto e = first; e != last; ++e) add_steal(arrows, *e);
  // Those of one moment share a shaft: no one's ground lies on another's head.
  for (const auto& s : arrows) {
    draw_ground(p_, {kind::task, part::steal, of.events()[s.event].task, s.event}, {s.x, s.from},
                {s.x, s.edge});
  }
  for (const auto& s : arrows) {
    auto tip = in_words(s);
    bool bold = !s.more.empty();
    for (const auto& other : arrows) {
      if (&other == &s || !s.lies_on(other)) continue;
      bold = true;
      tip += "; ";
      tip += in_words(other);
    }
    draw(s, bold, std::move(tip));
  }
  return 0;
}

void lane_links::tie(const lane_painter& on, const lane_painter::drawn& held) {
  for (const auto& row : lanes_) {
    const auto& which = m_.of.lanes()[row.lane()];
    if (&row == &on || which.what != lane::kind::slot) continue;
    for (const auto& runs : row.bars()) {
      if (runs.task != held.task || runs.what != bar::kind::run) continue;
      const auto left = std::max(runs.at.x, held.at.x);
      const auto right = std::min(runs.at.right(), held.at.right());
      if (right - left < p_.units(0.6F)) continue;
      const auto x = left + std::min(p_.units(1), (right - left) / 2);
      const bool below = held.at.y > runs.at.y;
      const auto from = below ? runs.at.bottom() : runs.at.y;
      const auto to = below ? held.at.y : held.at.bottom();
      const item_id id{kind::task, part::tether, held.task, 0x8000'0000U + held.nth * 2};
      draw_ground(p_, id, {x, from}, {x, to});
      draw_ink(p_, id, {x, from}, {x, to}, dash::dotted);
      const auto dot = 2.5F * p_.stroke();
      for (const auto y : {below ? from - dot : from + dot, below ? to + dot : to - dot}) {
        const rect end{std::max(axis_.left, x - dot), y - dot, 2 * dot, 2 * dot};
        p_.fill(id, end, p_.colors().text);
        p_.outline(id, end, p_.colors().page, p_.stroke());
      }
      const rect at{x - dot, std::min(from, to), 2 * dot, std::abs(to - from)};
      covered_.push_back(at);
      const auto& its = m_.of.lanes()[on.lane()];
      p_.meet(id, at,
              called(held.task) + " runs on " + which.name + " and has " +
                  std::string(m_.of.place_name(its.executor, its.place)) + " reserved");
      return;
    }
  }
}

void lane_links::draw_tethers(const relations& r) {
  struct pair {
    const lane_painter* on = nullptr;
    lane_painter::drawn held;
  };
  std::vector<pair> all;
  for (const auto& lanes : {reserved_, lanes_}) {
    for (const auto& row : lanes) {
      for (const auto& d : row.bars()) {
        if (d.what == bar::kind::reserved) all.push_back({&row, d});
      }
    }
  }
  // Where they are many, what is so now, and what is asked for.
  if (all.size() > most_tethers) {
    std::erase_if(all, [&](const pair& one) {
      return !one.held.open && r.of(one.held.task) == relations::kind::unrelated;
    });
  }
  all.resize(std::min(all.size(), most_tethers));
  for (const auto& one : all) tie(*one.on, one.held);
}

void lane_links::draw_relations(const relations& r) {
  if (r.selected() != no_task) relation_painter(p_, m_, axis_, r, lanes_, covered_).draw();
}

}  // namespace fronta::viz

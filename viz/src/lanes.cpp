// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr float seen = 3;  // pixels from which a bar stands alone

// From times to pixels, the same for all lanes.
struct axis {
  std::int64_t from;
  std::int64_t to;
  float left;
  float width;

  [[nodiscard]] float x(std::int64_t t) const noexcept {
    const auto share =
        static_cast<double>(std::clamp(t, from, to) - from) / static_cast<double>(to - from);
    return left + static_cast<float>(share * static_cast<double>(width));
  }
  [[nodiscard]] std::int64_t time(float pixels) const noexcept {
    return from +
           static_cast<std::int64_t>(static_cast<double>(pixels) / static_cast<double>(width) *
                                     static_cast<double>(to - from));
  }
};

// 1, 2 or 5 times a power of ten, so that there are at most `most` of them.
std::int64_t step_for(std::int64_t span, int most) noexcept {
  std::int64_t step = 1;
  for (;;) {
    for (const auto factor : {1, 2, 5}) {
      if (span / (step * factor) <= most) return step * factor;
    }
    step *= 10;
  }
}

axis axis_of(const painter& p, const moment_in_view& m, const rect& at, const lanes_options& o) {
  const auto text = p.units(o.text);
  auto longest = p.width_of("at most 1 000", text);
  for (const auto l : lanes_in_order(m.of))
    longest = std::max(longest, p.width_of(m.of.lanes()[l].name, text));
  const auto names = std::floor(std::min(longest + p.units(1.5F), at.width * o.names));
  return {m.from, m.to, at.x + names, at.width - names};
}

// A run as it is drawn: what its task did in it, part by part.
struct drawn_run {
  struct piece {
    rect at;
    look l;
  };
  task_number task = no_task;
  std::uint32_t nth = 0;
  std::uint8_t depth = 0;
  std::vector<piece> pieces;
  bool hosts = false;  // another's bar lies within
  float strip = 0;     // height above that bar
};

class lane_painter {
 public:
  lane_painter(painter& p, const moment_in_view& m, const axis& a, std::uint32_t lane,
               const rect& at, float text)
      : p_(p), m_(m), axis_(a), lane_(lane), at_(at), text_(text) {}

  // Bars that begin up to the moment, as far as they have got.
  void draw() {
    const auto& of = m_.of;
    const auto what = of.lanes()[lane_].what;
    in_rows_ = what != lane::kind::slot && what != lane::kind::thread;
    rows_ = std::max<std::size_t>(1, of.rows_of(lane_));
    for (const auto& b : of.open_at(lane_, m_.from)) draw(b, counted_++);
    auto nth = of.first_bar_from(lane_, m_.from + 1);
    const auto until = std::min(m_.to, m_.at == forever ? forever : m_.at + 1);
    const auto stop = of.first_bar_from(lane_, until);
    while (nth < stop) {
      const auto b = of.bar_at(lane_, nth);
      if (x(b.end) - x(b.begin) >= seen) {
        draw(b, static_cast<std::uint32_t>(nth));
        ++nth;
        continue;
      }
      nth = draw_cluster(nth, b, stop);
    }
    for (auto& r : runs_) label(r);
    draw_untold();
  }

  [[nodiscard]] const std::vector<std::pair<float, float>>& covered() const noexcept {
    return covered_;
  }

 private:
  [[nodiscard]] float x(std::int64_t t) const noexcept { return axis_.x(std::min(t, m_.at)); }

  [[nodiscard]] rect place_of(float left, float right, std::size_t depth) const {
    if (in_rows_) {
      const auto height = at_.height / static_cast<float>(rows_);
      return {left, at_.y + height * static_cast<float>(depth), right - left,
              height - (rows_ > 1 ? 1.0F : 0.0F)};
    }
    // Within: each level leaves a strip of the one that hosts it.
    const auto strip = strip_height();
    const auto inset = std::min(strip * static_cast<float>(depth), at_.height * 0.75F);
    return {left, at_.y + inset, right - left, at_.height - inset};
  }
  [[nodiscard]] float strip_height() const {
    const auto levels = static_cast<float>(std::min<std::size_t>(rows_, 4));
    return std::min(at_.height / (levels + 0.4F), p_.line_height(text_));
  }

  [[nodiscard]] item_id id(part which, std::uint32_t nth) const {
    return {kind::lane, which, lane_, nth};
  }

  static look look_of_bar(const bar& b) {
    switch (b.what) {
      case bar::kind::device:
        return look::on_device;
      case bar::kind::copy:
        return look::copying;
      case bar::kind::suspended:
        return look::suspended;
      case bar::kind::reserved:
      case bar::kind::run:
        break;
    }
    return b.lost ? look::unknown : look::running;
  }

  void draw(const bar& b, std::uint32_t nth) {
    const auto at = place_of(x(b.begin), x(b.end), b.depth);
    if (at.width <= 0) return;
    cover(at.x, at.right());
    const auto l = look_of_bar(b);
    if (b.what == bar::kind::reserved) {
      p_.hatch(id(part::hatch, nth), at, p_.colors().outline, p_.units(1.2F), p_.stroke() * 0.6F);
      p_.outline(id(part::bar, nth), at, p_.colors().outline, p_.stroke(), dash::dashed);
      p_.meet(id(part::bar, nth), at, "reserved by " + called(b.task));
      reserved_label(b, at, nth);
      return;
    }
    p_.state_box(id(part::bar, nth), at, l, 0);
    if (b.what == bar::kind::suspended) {
      if (auto* r = run_at(b.depth)) r->pieces.push_back({at, l});
    } else {
      // What is less deep hosts it, if it is still going on here.
      if (!in_rows_ && b.depth > 0) {
        if (auto* host = run_at(b.depth - std::size_t{1})) {
          host->hosts = true;
          host->strip = place_of(0, 1, b.depth).y - place_of(0, 1, b.depth - std::size_t{1}).y;
        }
      }
      if (last_at_depth_.size() <= b.depth) last_at_depth_.resize(b.depth + std::size_t{1});
      last_at_depth_[b.depth] = runs_.size();
      runs_.push_back({b.task, nth, b.depth, {{at, l}}, false, 0});
    }
    mark(b, at, nth);
    auto tip = b.task == no_task ? std::string("a copy")
                                 : called(b.task) + " " + std::string(m_.of.name_of(b.task));
    tip += ": " + std::string(p_.colors().of(l).word);
    if (b.end != forever) tip += " for " + duration(b.end - b.begin);
    if (b.attempt != 0) tip += ", attempt " + std::to_string(b.attempt + 1);
    p_.meet(b.task == no_task ? id(part::bar, nth) : item_id{kind::task, part::bar, b.task, nth},
            at, std::move(tip));
  }

  // Work that the device was given and has not told of: it may be at it. Once it has, this is
  // replaced by what was; a recording that has ended in order has none.
  void draw_untold() {
    const auto& of = m_.of;
    const auto untold = of.untold_at(lane_, m_.at);
    if (!untold) return;
    const auto& own = of.lanes()[lane_];
    const auto at = place_of(x(std::max(untold->since, m_.from)), x(m_.at), 0);
    if (at.width < 2) return;
    cover(at.x, at.right());
    constexpr std::uint32_t nth = 0xFFFF'FFFF;
    p_.outline(id(part::bar, nth), at, p_.colors().outline, p_.stroke(), dash::dashed);
    auto words = called(untold->first);
    if (untold->tasks > 1) words += " and " + std::to_string(untold->tasks - 1) + " more";
    words += ": not told of yet";
    p_.meet(id(part::bar, nth), at, words);
    const auto pad = p_.units(0.4F);
    const auto line = p_.line_height(text_);
    // At the foot may stand who has reserved it.
    const bool shared = std::ranges::any_of(of.lanes(), [&](const lane& l) {
      return l.what == lane::kind::reserved && l.executor == own.executor && l.place == own.place;
    });
    if (shared && at.height < 2 * line + 3) return;
    const auto top = shared ? at.y + 1 : at.y + (at.height - line) / 2;
    auto brief = std::to_string(std::uint64_t{untold->first} + 1) + "?";
    if (untold->tasks > 1) brief += " +" + std::to_string(untold->tasks - 1);
    for (const auto& text : {words, brief}) {
      const auto w = p_.width_of(text, text_) + 2 * pad;
      if (w + 2 * pad > at.width || line + 2 > at.height) continue;
      const rect plate{at.x + pad, top, w, line};
      p_.fill(id(part::frame, nth), plate, p_.colors().panel);
      p_.write(id(part::state, nth), {plate.x + pad, plate.y, w - 2 * pad + 1, line}, text, text_,
               p_.colors().text);
      return;
    }
  }

  // On a plate at its foot, so that the device's own work stays in sight.
  void reserved_label(const bar& b, const rect& at, std::uint32_t nth) {
    const auto line = p_.line_height(text_);
    const auto pad = p_.units(0.4F);
    for (const auto& words :
         {"reserved by " + called(b.task), std::to_string(std::uint64_t{b.task} + 1)}) {
      const auto w = p_.width_of(words, text_) + 2 * pad;
      if (w + 2 * pad > at.width || line + 2 > at.height) continue;
      const rect plate{at.x + pad, at.bottom() - line - 1, w, line};
      p_.fill(id(part::frame, nth), plate, p_.colors().panel);
      p_.write({kind::task, part::tether, b.task, nth},
               {plate.x + pad, plate.y, w - 2 * pad + 1, line}, words, text_, p_.colors().text);
      return;
    }
  }

  // How it ended, whether it goes on elsewhere, and what is not known of its ends.
  void mark(const bar& b, const rect& at, std::uint32_t nth) {
    const auto cap = std::min(at.width / 3, p_.units(0.7F));
    if (b.failed && b.end <= m_.at) {
      p_.fill(id(part::mark, nth), {at.right() - cap, at.y, cap, at.height},
              p_.colors().of(look::failed).fill);
    }
    const auto head = std::min({at.width / 3, at.height / 2, p_.units(1.2F)});
    if (head >= 4) {
      const auto middle = at.y + at.height - head;
      if (b.goes_on && b.end <= m_.at) {
        p_.arrow_head(id(part::steal, nth), {at.right() - head, middle, head, head}, true,
                      p_.colors().of(look_of_bar(b)).ink);
      }
    }
    const auto [begin, end] = m_.of.uncertainty(b);
    const auto whisker = [&](std::int64_t t, std::int64_t error, std::uint32_t which) {
      if (error <= 0 || t > m_.at) return;
      const auto left = std::max(axis_.left, axis_.x(t - error));
      const auto right = axis_.x(t + error);
      if (right - left < 3) return;
      const auto y = at.y + at.height / 2;
      auto one = id(part::tether, nth);
      one.nth = nth * 2 + which;
      p_.draw_line(one, {left, y}, {right, y}, p_.colors().outline, p_.stroke());
    };
    whisker(b.begin, begin, 0);
    if (b.end != forever) whisker(b.end, end, 1);
  }

  drawn_run* run_at(std::size_t depth) {
    return depth < last_at_depth_.size() && last_at_depth_[depth] < runs_.size()
               ? &runs_[last_at_depth_[depth]]
               : nullptr;
  }

  // All that is too short to be seen, in one box whose filled part says how busy it was.
  std::size_t draw_cluster(std::size_t nth, const bar& one, std::size_t stop) {
    const auto begin = one.begin;
    auto next = nth;
    std::int64_t busy = 0;
    std::int64_t end = one.begin;
    bool failed = false;
    // A stretch of them goes on as long as there is no gap to be seen.
    const auto least = std::max<std::int64_t>(1, axis_.time(seen) - axis_.from);
    while (next < stop) {
      const auto from = m_.of.bar_at(lane_, next).begin;
      if (next != nth && from - end >= least) break;
      const auto c = m_.of.cluster_from(lane_, next, std::min(from + least, m_.at), least);
      if (c.next == next) break;
      next = c.next;
      busy += c.busy;
      end = std::max(end, std::min(c.end, m_.at));
      failed = failed || c.failed;
    }
    if (next == nth) {  // one that begins right at the moment
      draw(one, static_cast<std::uint32_t>(nth));
      return nth + 1;
    }
    const auto left = x(begin);
    const auto right = std::max(left + 1, x(end));
    const auto all = place_of(left, right, in_rows_ ? 0 : one.depth);
    const auto share = std::clamp(
        static_cast<double>(busy) / static_cast<double>(std::max<std::int64_t>(1, end - begin)),
        0.0, 1.0);
    const auto full = next - nth == 1 ? 1.0F : static_cast<float>(share);
    const auto l = look_of_bar(one);
    const auto filled = std::max(1.0F, all.height * full);
    const auto number = static_cast<std::uint32_t>(nth);
    p_.fill(id(part::more, number), {all.x, all.bottom() - filled, all.width, filled},
            failed ? p_.colors().of(look::failed).fill : p_.colors().of(l).fill);
    cover(all.x, all.right());
    const auto count = next - nth;
    if (count > 1) {
      const auto text = grouped(count) + " short bars";
      if (all.width > p_.width_of(text, text_) + p_.units(1) &&
          all.height > p_.line_height(text_)) {
        const auto w = p_.width_of(text, text_) + p_.units(0.6F);
        const rect plate{all.x + (all.width - w) / 2,
                         all.y + (all.height - p_.line_height(text_)) / 2, w,
                         p_.line_height(text_)};
        p_.fill(id(part::value, number), plate, p_.colors().panel);
        p_.write(id(part::value, number), plate, text, text_, p_.colors().text, align::center);
      }
    }
    p_.meet(id(part::more, number), all,
            grouped(count) + (count == 1 ? " short bar" : " short bars"));
    return next;
  }

  void label(const drawn_run& r) {
    if (r.task == no_task) return;
    const auto widest = std::ranges::max_element(
        r.pieces, {}, [](const drawn_run::piece& one) { return one.at.width; });
    auto piece = *widest;
    // What its later parts cover is not the first one's.
    if (widest == r.pieces.begin() && r.pieces.size() > 1) {
      float best = r.pieces[1].at.x - piece.at.x;
      rect free{piece.at.x, piece.at.y, best, piece.at.height};
      for (std::size_t i = 1; i < r.pieces.size(); ++i) {
        const auto left = r.pieces[i].at.right();
        const auto right = i + 1 < r.pieces.size() ? r.pieces[i + 1].at.x : piece.at.right();
        if (right - left > best) {
          best = right - left;
          free = {left, piece.at.y, best, piece.at.height};
        }
        if (r.pieces[i].at.width > best) {
          best = r.pieces[i].at.width;
          free = r.pieces[i].at;
          piece.l = r.pieces[i].l;
        }
      }
      piece.at = free;
    }
    const auto line = p_.line_height(text_);
    auto at = piece.at;
    if (r.hosts) at.height = r.strip;
    if (at.height + 0.5F < line) return;
    const auto pad = p_.units(0.5F);
    at = {at.x + pad, at.y, at.width - 2 * pad, at.height};
    const auto number = std::to_string(std::uint64_t{r.task} + 1);
    const auto wide = p_.width_of(number, text_, typeface::bold);
    if (wide > at.width) return;
    const auto name = p_.fit(m_.of.name_of(r.task), text_, at.width - wide - pad);
    const bool named = name.size() > 4 && m_.of.tasks()[r.task].text != 0;
    const auto total = wide + (named ? pad + p_.width_of(name, text_) : 0);
    const auto& s = p_.colors().of(piece.l);
    if (s.hatched) {
      p_.fill({kind::task, part::frame, r.task, r.nth},
              {at.x - pad / 2, at.y + (at.height - line) / 2, total + pad, line}, s.fill);
    }
    p_.write({kind::task, part::number, r.task, r.nth}, {at.x, at.y, wide + 1, at.height}, number,
             text_, s.ink, align::left, typeface::bold);
    if (named) {
      p_.write({kind::task, part::name, r.task, r.nth},
               {at.x + wide + pad, at.y, at.width - wide - pad, at.height}, name, text_, s.ink);
    }
  }

  void cover(float left, float right) {
    if (!covered_.empty() && left <= covered_.back().second) {
      covered_.back().second = std::max(covered_.back().second, right);
    } else {
      covered_.emplace_back(left, right);
    }
  }

  painter& p_;
  const moment_in_view& m_;
  const axis& axis_;
  std::uint32_t lane_;
  rect at_;
  float text_;
  bool in_rows_ = false;
  std::size_t rows_ = 1;
  std::uint32_t counted_ = 0x8000'0000;  // bars that began before the picture
  std::vector<drawn_run> runs_;
  std::vector<std::size_t> last_at_depth_;
  std::vector<std::pair<float, float>> covered_;
};

void draw_axis(painter& p, const moment_in_view& m, const axis& a, const rect& lanes,
               const rect& below, float text) {
  const auto sample = p.width_of("1 000.000 µs", text);
  const auto step = step_for(m.to - m.from, std::max(1, static_cast<int>(a.width / sample)));
  const auto origin = m.of.begin();
  auto tick = m.from - origin;
  tick = tick - tick % step;
  std::uint32_t nth = 0;
  for (; tick <= m.to - origin; tick += step) {
    if (tick < m.from - origin) continue;
    // One at the very end lies within, too.
    const auto x = std::min(std::round(a.x(tick + origin)), std::floor(lanes.right()) - 1);
    p.draw_line({kind::axis, part::mark, 0, nth}, {x, lanes.y}, {x, lanes.bottom()},
                p.colors().grid, p.stroke() * 0.5F);
    const auto words = moment(tick, step, m.to - origin);
    const auto width = p.width_of(words, text);
    const auto left = std::clamp(x - width / 2, a.left, below.right() - width - 1);
    p.write({kind::axis, part::value, 0, nth}, {left, below.y, width + 1, below.height}, words,
            text, p.colors().text);
    ++nth;
  }
}

// Why there is nothing: said where there is room, and to a pointer everywhere.
void draw_blanks(painter& p, const moment_in_view& m, const axis& a, std::uint32_t lane,
                 const rect& row, float text, const std::vector<std::pair<float, float>>& covered) {
  const auto end = a.x(m.at);
  auto left = row.x;
  std::uint32_t nth = 0;
  const auto blank = [&](float right) {
    if (right - left < p.units(1)) return;
    const auto middle = a.time((left + right) / 2 - a.left);
    const auto why = m.of.why_blank(lane, middle);
    const rect at{left, row.y, right - left, row.height};
    const item_id id{kind::lane, part::reason, lane, nth++};
    p.meet(id, at, why);
    const auto pad = p.units(1);
    if (text > 0 && row.height >= p.line_height(text) &&
        p.width_of(why, text) + 2 * pad <= at.width) {
      p.write(id, {at.x + pad, at.y, at.width - 2 * pad, at.height}, why, text, p.colors().text);
    }
  };
  for (const auto& [from, to] : covered) {
    blank(std::min(from, end));
    left = std::max(left, to);
  }
  blank(end);
}

void draw_playhead(painter& p, const moment_in_view& m, const axis& a, const rect& at) {
  if (m.at < m.from || m.at > m.to) return;
  const auto x = std::clamp(a.x(m.at), at.x + p.stroke(), at.right() - p.stroke());
  p.draw_line({kind::axis, part::frame, 0, 0}, {x, at.y}, {x, at.bottom()}, p.colors().playhead,
              p.stroke() * 1.5F);
}

// How many tasks wait in a queue and how many run, from a pixel on.
struct length {
  float x;
  std::uint32_t waiting;
  std::uint32_t running;
};

bool waits(task_state s) noexcept {
  return s == task_state::queued || s == task_state::waiting_tags || s == task_state::retry_wait;
}
bool runs(task_state s) noexcept { return s == task_state::running || s == task_state::copying; }

length length_at(const index& of, float x, std::int64_t t) {
  const auto counts = of.counts_at(t);
  length l{x, 0, 0};
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (waits(static_cast<task_state>(s))) l.waiting += counts[s];
    if (runs(static_cast<task_state>(s))) l.running += counts[s];
  }
  return l;
}

// Every change where they are few; else what is true at each other pixel.
std::vector<length> lengths(const moment_in_view& m, const axis& a) {
  const auto& of = m.of;
  const auto until =
      std::max(m.from, std::min(m.at, m.to));  // a moment before the axis: nothing yet
  std::vector<length> points{length_at(of, std::round(a.x(m.from)), m.from)};
  const auto changes = of.changes();
  const auto at = [&](std::int64_t t) {
    return std::ranges::partition_point(changes,
                                        [&](const change& c) { return of.time_of(c) <= t; });
  };
  const auto begin = at(m.from);
  const auto end = at(until);
  if (static_cast<float>(end - begin) <= 4 * a.width) {
    for (auto c = begin; c != end; ++c) {
      auto next = points.back();
      next.x = a.x(of.time_of(*c));
      if (waits(c->state)) ++next.waiting;
      if (runs(c->state)) ++next.running;
      if (c->previous != none) {
        const auto before = changes[c->previous].state;
        if (waits(before)) --next.waiting;
        if (runs(before)) --next.running;
      }
      next.x = std::round(next.x);  // edge to edge, with no seam between
      if (next.x <= points.back().x) {
        next.x = points.back().x;
        points.back() = next;
      } else {
        points.push_back(next);
      }
    }
    return points;
  }
  const auto pixels = static_cast<int>(a.width);
  for (int nth = 2; nth < pixels; nth += 2) {
    const auto x = static_cast<float>(nth);
    const auto t = a.time(x);
    if (t > until) break;
    points.push_back(length_at(of, std::round(a.left + x), t));
  }
  return points;
}

}  // namespace

std::vector<std::uint32_t> lanes_in_order(const index& of) {
  std::vector<std::uint32_t> order;
  const auto lanes = of.lanes();
  for (std::uint32_t l = 0; l < lanes.size(); ++l) {
    if (lanes[l].what == lane::kind::thread && of.bars_of(l) == 0) continue;
    if (lanes[l].what == lane::kind::reserved && std::ranges::any_of(lanes, [&](const lane& other) {
          return other.what == lane::kind::stream && other.executor == lanes[l].executor &&
                 other.place == lanes[l].place;
        })) {
      continue;  // drawn behind the stream
    }
    order.push_back(l);
  }
  const auto rank = [&](std::uint32_t l) {
    const auto& x = lanes[l];
    int group = 1;
    if (x.what == lane::kind::slot) group = 0;
    if (x.what == lane::kind::thread) group = 2;
    return std::tuple(x.executor, group, x.place, x.what, x.number);
  };
  std::ranges::sort(order, {}, rank);
  return order;
}

void draw_lengths(painter& p, const moment_in_view& m, const rect& at, const lanes_options& o) {
  p.begin_pane("lengths", at);
  const auto text = p.units(o.text);
  const auto a = axis_of(p, m, at, o);
  const rect plot{a.left, at.y, a.width, at.height};
  p.fill({kind::plot, part::frame, 1, 0}, plot, p.colors().panel);
  const auto points = lengths(m, a);
  std::uint32_t most = 1;
  for (const auto& one : points) most = std::max({most, one.waiting, one.running});
  const auto scale = (plot.height - p.line_height(text) * 0.5F) / static_cast<float>(most);
  const auto draw = [&](std::uint32_t which, auto value, color c, bool filled) {
    std::uint32_t nth = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto right = i + 1 < points.size() ? points[i + 1].x : a.x(m.at);
      const auto height = static_cast<float>(value(points[i])) * scale;
      const auto y = plot.bottom() - height;
      const item_id id{kind::plot, part::value, which, nth++};
      if (filled) {
        p.fill(id, {points[i].x, y, right - points[i].x, height}, c);
        continue;
      }
      const auto half = p.stroke();
      const auto line_y = std::clamp(y, plot.y + half, plot.bottom() - half);
      p.draw_line(id, {points[i].x, line_y}, {right, line_y}, c, 2 * half);
      if (i + 1 < points.size()) {
        const auto next =
            std::clamp(plot.bottom() - static_cast<float>(value(points[i + 1])) * scale,
                       plot.y + half, plot.bottom() - half);
        if (next != line_y)
          p.draw_line({kind::plot, part::mark, which, nth}, {right, std::min(line_y, next) - half},
                      {right, std::max(line_y, next) + half}, c, 2 * half);
      }
    }
  };
  draw(1, [](const length& l) { return l.waiting; }, p.colors().of(look::retry_wait).fill, true);
  draw(2, [](const length& l) { return l.running; }, p.colors().of(look::running).fill, false);
  const auto line = p.line_height(text);
  const rect names{at.x, at.y, a.left - at.x - p.units(1), line};
  p.write({kind::plot, part::name, 1, 0}, {names.x, at.y + at.height / 2 - line, names.width, line},
          "waiting", text, p.colors().text, align::right);
  p.write({kind::plot, part::name, 2, 0}, {names.x, at.y + at.height / 2, names.width, line},
          "running", text, p.colors().text, align::right);
  p.write({kind::plot, part::name, 3, 0}, names, "at most " + grouped(most), text, p.colors().text,
          align::right);
  draw_playhead(p, m, a, plot);
}

void draw_lanes(painter& p, const moment_in_view& m, const rect& at, const lanes_options& o) {
  p.begin_pane("lanes", at);
  const auto text = p.units(o.text);
  const auto ticks = p.line_height(text) * 1.1F;
  const auto a = axis_of(p, m, at, o);
  const rect lanes{a.left, at.y, a.width, at.height - ticks};
  p.fill({kind::plot, part::frame, 0, 0}, lanes, p.colors().panel);
  draw_axis(p, m, a, lanes, {at.x, lanes.bottom(), at.width, ticks}, text);
  const auto order = lanes_in_order(m.of);
  if (order.empty()) {
    p.write({kind::lane, part::reason, 0, 0}, lanes,
            m.of.events().empty() ? "The trace is empty: no worker has told of anything yet."
                                  : "No worker has told of anything yet.",
            text, p.colors().text, align::center);
    return;
  }
  const auto gap = std::max(1.0F, p.units(0.35F));
  const auto least = p.line_height(text) + gap;
  const auto fitting = static_cast<std::size_t>(lanes.height / least);
  const bool thin = order.size() > fitting;
  auto height = lanes.height / static_cast<float>(order.size());
  if (!thin) height = std::min(height, p.units(o.most_height));
  auto y = lanes.y;
  std::string named;
  float named_at = -1e6F;
  for (const auto l : order) {
    const auto& which = m.of.lanes()[l];
    const rect row{lanes.x, y + (thin ? 0 : gap / 2), lanes.width,
                   thin ? std::max(1.0F, height - (height > 3 ? 1.0F : 0)) : height - gap};
    const rect name{at.x, row.y, a.left - at.x - p.units(1), row.height};
    if (!thin) {
      p.write({kind::lane, part::name, l, 0}, name, which.name, text, p.colors().text,
              align::right);
      p.draw_line({kind::lane, part::frame, l, 0}, {lanes.x, y + height},
                  {lanes.right(), y + height}, p.colors().grid, p.stroke() * 0.5F);
    } else {
      // Too many to be named: their places are, where there is room.
      const auto place = std::string(m.of.place_name(which.executor, which.place));
      const auto label = place.empty() ? which.name : place;
      if (label != named && y - named_at >= p.line_height(text) &&
          y + p.line_height(text) <= lanes.bottom()) {
        p.write({kind::place, part::name, l, 0},
                {at.x, y, a.left - at.x - p.units(1), p.line_height(text)}, label, text,
                p.colors().text, align::right);
        named = label;
        named_at = y;
      }
    }
    lane_painter lane(p, m, a, l, row, text);
    // What a host task has reserved lies behind the device's own work.
    if (which.what == lane::kind::stream && which.number == 0) {
      for (std::uint32_t r = 0; r < m.of.lanes().size(); ++r) {
        const auto& other = m.of.lanes()[r];
        if (other.what == lane::kind::reserved && other.executor == which.executor &&
            other.place == which.place) {
          lane_painter(p, m, a, r, row, text).draw();
        }
      }
    }
    lane.draw();
    draw_blanks(p, m, a, l, row, thin ? 0 : text, lane.covered());
    y += height;
  }
  draw_playhead(p, m, a, lanes);
}

}  // namespace fronta::viz

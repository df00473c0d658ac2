// SPDX-License-Identifier: Apache-2.0
#include "lane_painter.hpp"

#include "lane_links.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr float seen = 3;  // pixels from which a bar stands alone
// Bars that began before the picture are not numbered as the others.
constexpr std::uint32_t before_picture = 0x8000'0000;
constexpr std::uint32_t of_untold = 0xFFFF'FFFF;

std::string words_of(const index::untold& u) {
  auto words = called(u.first);
  if (u.tasks > 1) {
    words += " and ";
    words += std::to_string(u.tasks - 1);
    words += " more";
  }
  return words += ": not told of yet";
}

}  // namespace

lane_painter::lane_painter(painter& p, const moment_in_view& m, const time_axis& a,
                           const relations& r, std::uint32_t lane, const rect& row, float text)
    : p_(p), m_(m), axis_(a), relations_(r), lane_(lane), at_(row), text_(text) {
  const auto what = m.of.lanes()[lane].what;
  in_rows_ = what != lane::kind::slot && what != lane::kind::thread;
  rows_ = std::max<std::size_t>(1, m.of.rows_of(lane));
  if (shows_kinds(m.what)) kinds_ = &kinds_of(m.of);
}

std::optional<kind_look> lane_painter::kind_of(task_number t, look l) const noexcept {
  if (kinds_ == nullptr || (l != look::running && l != look::on_device)) return std::nullopt;
  return look_of_kind(p_.colors(), kinds_->of(t));
}

void lane_painter::draw_state(const item_id& as, const rect& at, look l, task_number t) {
  const auto k = kind_of(t, l);
  // An outline would leave nothing of the colour.
  const bool low = at.height < 4 * p_.stroke();
  if (!k && low) {
    p_.fill(as, at, p_.colors().of(l).fill);
    return;
  }
  if (!k) {
    p_.state_box(as, at, l, 0);
    return;
  }
  p_.fill(as, at, k->fill);
  if (k->striped) {
    const auto inset = std::min(p_.stroke(), at.height / 4);
    const auto thick = std::min(std::max(p_.stroke(), p_.units(0.4F)), at.height / 3);
    p_.fill({kind::lane, part::token, lane_, as.nth}, {at.x, at.y + inset, at.width, thick},
            k->ink);
  }
  if (!low && at.width >= 3 * p_.stroke()) p_.outline(as, at, p_.colors().outline, p_.stroke());
}

// Bars that begin up to the moment, as far as they have got.
void lane_painter::draw_bars() {
  const auto& of = m_.of;
  auto counted = before_picture;
  if (m_.at >= m_.from) {
    for (const auto& b : of.open_at(lane_, m_.from)) draw(b, counted++);
  }
  auto nth = of.first_bar_from(lane_, m_.from + 1);
  const auto stop = of.first_bar_from(lane_, std::min(m_.to, m_.at + 1));
  while (nth < stop) {
    const auto b = of.bar_at(lane_, nth);
    if (x(b.end) - x(b.begin) >= seen) {
      draw(b, static_cast<std::uint32_t>(nth));
      ++nth;
      continue;
    }
    nth = draw_cluster(nth, b, stop);
  }
  finish_device_bars();
  draw_untold();
}

// Work that the device was given and has not told of: it may be at it. Once it has, this is
// replaced by what was; a recording that has ended in order has none.
void lane_painter::draw_untold() {
  const auto untold = m_.of.untold_at(lane_, m_.at);
  if (!untold) return;
  const auto at = place_of(x(std::max(untold->since, m_.from)), x(m_.at), 0);
  if (at.width < 2) return;
  untold_ = at;
  cover(at.x, at.right());
  p_.outline(id(part::bar, of_untold), at, p_.colors().outline, p_.stroke(), dash::dashed);
  p_.meet(id(part::bar, of_untold), at, words_of(*untold));
}

void lane_painter::write_untold() {
  if (!untold_) return;
  const auto untold = m_.of.untold_at(lane_, m_.at);
  const auto& at = *untold_;
  const auto pad = p_.units(0.4F);
  const auto line = p_.line_height(text_);
  // At the foot of each row may stand who has reserved it.
  const auto& own = m_.of.lanes()[lane_];
  std::size_t reserved = 0;
  for (std::uint32_t l = 0; l < m_.of.lanes().size(); ++l) {
    const auto& other = m_.of.lanes()[l];
    if (other.what == lane::kind::reserved && other.executor == own.executor &&
        other.place == own.place)
      reserved = std::max({reserved, std::size_t{1}, m_.of.rows_of(l)});
  }
  const bool shared = reserved != 0;
  const auto free = shared ? std::min(at.height, at_.height / static_cast<float>(reserved)) : 0;
  if (shared && free < 2 * line + 3) return;
  const auto top = shared ? at.y + 1 : at.y + (at.height - line) / 2;
  auto brief = std::to_string(std::uint64_t{untold->first} + 1) + "?";
  if (untold->tasks > 1) brief += " +" + std::to_string(untold->tasks - 1);
  for (const auto& text : {words_of(*untold), brief}) {
    const auto w = p_.width_of(text, text_) + 2 * pad;
    if (w + 2 * pad > at.width || line + 2 > at.height) continue;
    const rect plate{at.x + pad, top, w, line};
    p_.fill(id(part::frame, of_untold), plate, p_.colors().panel);
    p_.write(id(part::state, of_untold), {plate.x + pad, plate.y, w - 2 * pad + 1, line}, text,
             text_, p_.colors().text);
    return;
  }
}

void lane_painter::write_words(std::span<const rect> below) {
  write_untold();
  for (const auto& r : runs_) label(r, below);
  for (const auto& d : drawn_) {
    if (d.what == bar::kind::reserved) label_reserved(d, below);
    mark_relation(d);
  }
}

float lane_painter::x(std::int64_t t) const noexcept { return axis_.x(std::min(t, m_.at)); }

rect lane_painter::place_of(float left, float right, std::size_t depth) const {
  if (in_rows_) {
    const auto height = at_.height / static_cast<float>(rows_);
    return {left, at_.y + height * static_cast<float>(depth), right - left,
            height - (rows_ > 1 ? 1.0F : 0.0F)};
  }
  // Within: each level leaves a strip of the one that hosts it.
  const auto inset = std::min(strip_height() * static_cast<float>(depth), at_.height * 0.75F);
  return {left, at_.y + inset, right - left, at_.height - inset};
}

float lane_painter::strip_height() const {
  const auto levels = static_cast<float>(std::min<std::size_t>(rows_, 4));
  return std::min(at_.height / (levels + 0.4F), p_.line_height(text_));
}

item_id lane_painter::id(part which, std::uint32_t nth) const noexcept {
  return {kind::lane, which, lane_, nth};
}

// As far as was known by the moment: that an end was not heard shows when it is.
look lane_painter::look_of_bar(const bar& b) const noexcept {
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
  return b.lost && b.end <= m_.at ? look::unknown : look::running;
}

std::string lane_painter::tip_of(const bar& b, look l) const {
  auto tip = b.task == no_task ? std::string("a copy")
                               : called(b.task) + " " + std::string(m_.of.name_of(b.task));
  tip += ": ";
  tip += p_.colors().of(l).word;
  const auto end = std::min(b.end, m_.at);
  const bool over = b.end <= m_.at;
  if (b.sure_begin == b.begin && b.sure_end == b.end) {
    tip += over ? " for " : ", so far for ";
    tip += duration(end - b.begin);
  } else {
    const auto step = std::max<std::int64_t>(1, (end - b.begin) / 1000);
    const auto at = [&](std::int64_t t) { return moment(t - m_.of.begin(), step); };
    const auto latest_begin = std::min(b.sure_begin, b.end);
    const auto earliest_end = std::max(b.sure_end, b.begin);
    if (latest_begin <= m_.at) {
      tip += "; began between " + at(b.begin) + " and " + at(latest_begin);
    } else {
      tip += "; may have begun from " + at(b.begin) + " on";
    }
    if (over) {
      tip += ", ended between " + at(earliest_end) + " and " + at(b.end);
    } else if (earliest_end <= m_.at) {
      tip += ", may have ended from " + at(earliest_end) + " on";
    }
  }
  if (const auto share = on_core(b))
    tip += ", " + std::to_string(std::lround(*share * 100)) + " % of it on a core";
  if (b.attempt != 0) tip += ", attempt " + std::to_string(b.attempt + 1);
  if (const auto words = relations_.in_words(b.task); !words.empty()) tip += " (" + words + ")";
  return tip;
}

void lane_painter::draw(const bar& b, std::uint32_t nth) {
  auto at = place_of(x(b.begin), x(b.end), b.depth);
  // Whatever has begun is seen.
  at.width = std::min(std::max(at.width, 1.0F), axis_.left + axis_.width - at.x);
  if (at.width <= 0) return;
  cover(at.x, at.right());
  if (b.what == bar::kind::reserved) {
    draw_reserved(b, at, nth);
    return;
  }
  if (b.what == bar::kind::device || b.what == bar::kind::copy) {
    draw_device(b, at, nth);
    return;
  }
  const auto l = look_of_bar(b);
  draw_state(id(part::bar, nth), at, l, b.task);
  if (b.what == bar::kind::suspended) {
    if (auto* r = run_at(b.depth)) r->pieces.push_back({at, l});
  } else {
    // What is less deep hosts it, if it is still going on here.
    if (b.depth > 0) {
      if (auto* host = run_at(b.depth - std::size_t{1})) {
        host->hosts = true;
        host->strip = place_of(0, 1, b.depth).y - place_of(0, 1, b.depth - std::size_t{1}).y;
      }
    }
    draw_share(b, at, nth);
    add_run(b, {at, l}, nth);
    drawn_.push_back({b.task, nth, b.what, at, b.end > m_.at});
  }
  mark(b, at, nth);
  p_.meet({kind::task, part::bar, b.task, nth}, at, tip_of(b, l));
}

// How much of it was on a core, from the left along its foot: when it was is not known. Only of
// what is over: so is the measurement.
void lane_painter::draw_share(const bar& b, const rect& at, std::uint32_t nth) {
  const auto share = on_core(b);
  const auto high = std::max(2 * p_.stroke(), p_.units(0.5F));
  if (!share || at.width < 4 * high || at.height < 4 * high) return;
  const rect whole{at.x + p_.stroke(), at.bottom() - high - p_.stroke(), at.width - 2 * p_.stroke(),
                   high};
  p_.fill(id(part::stripe, 2 * nth), whole, p_.colors().panel);
  p_.fill(id(part::stripe, 2 * nth + 1),
          {whole.x, whole.y, whole.width * static_cast<float>(*share), whole.height},
          p_.colors().text);
}

std::optional<double> lane_painter::on_core(const bar& b) const noexcept {
  const auto cpu = index::cpu_time_of(b);
  if (!cpu || b.end > m_.at || b.end <= b.begin) return std::nullopt;
  return std::clamp(static_cast<double>(*cpu) / static_cast<double>(b.end - b.begin), 0.0, 1.0);
}

void lane_painter::draw_reserved(const bar& b, const rect& at, std::uint32_t nth) {
  const auto spacing = p_.units(1.2F);
  if (at.width >= 2 * spacing) {
    p_.hatch(id(part::hatch, nth), at, p_.colors().outline, spacing, p_.stroke() * 0.6F);
    p_.outline(id(part::bar, nth), at, p_.colors().outline, p_.stroke(), dash::dashed);
  } else {
    // Pieces of lines side by side make patterns that mean nothing.
    p_.fill(id(part::bar, nth), at, p_.colors().grid);
  }
  p_.meet({kind::task, part::tether, b.task, nth}, at, "reserved by " + called(b.task));
  drawn_.push_back({b.task, nth, b.what, at, b.end > m_.at});
}

// Drawn when all of the lane is known: where one may have been at work another was for sure.
void lane_painter::draw_device(const bar& b, const rect& whole, std::uint32_t nth) {
  auto sure = whole;
  const auto left = std::max(whole.x, x(b.sure_begin));
  const auto right = std::min(whole.right(), x(b.sure_end));
  // What is known better than can be seen is known.
  const bool seen_unsure = left - whole.x >= 1 || whole.right() - right >= 1;
  if (seen_unsure || b.sure_begin > m_.at) {
    sure.x = left;
    sure.width = b.has_sure_part() ? std::max(0.0F, right - left) : 0;
    bands_.push_back({b.depth, look_of_bar(b), whole.x, whole.right(), nth});
  }
  device_bars_.push_back({b, nth, whole, sure});
}

// Pale, hatched in the colour of a state, with an edge that is none.
void lane_painter::draw_band(const rect& at, look l, std::uint32_t nth) {
  p_.fill(id(part::stripe, nth), at, p_.colors().panel);
  // It may be of several tasks.
  const auto fill = kind_of(no_task, l).value_or(kind_look{p_.colors().of(l).fill, {}, false}).fill;
  p_.hatch(id(part::hatch, nth * 64), at, fill, p_.units(0.9F), p_.stroke() * 1.4F);
  p_.outline(id(part::state, nth), at, p_.colors().outline, p_.stroke(), dash::dotted);
}

void lane_painter::finish_device_bars() {
  // Bands of one row that meet are one: nobody can tell whose a stretch is.
  std::ranges::sort(bands_, {}, [](const band& b) { return std::tuple(b.row, b.l, b.left); });
  for (std::size_t i = 0; i < bands_.size();) {
    auto all = bands_[i];
    for (++i; i < bands_.size() && bands_[i].row == all.row && bands_[i].l == all.l &&
              bands_[i].left <= all.right;
         ++i) {
      all.right = std::max(all.right, bands_[i].right);
    }
    const auto at = place_of(all.left, all.right, all.row);
    draw_band(at, all.l, all.nth);
  }
  // What may have been at work shares its stretch with others: each is named where it comes first.
  std::vector<float> next_left(rows_, axis_.left + axis_.width);
  std::vector<float> ends(device_bars_.size());
  for (auto i = device_bars_.size(); i-- > 0;) {
    const auto& d = device_bars_[i];
    auto& next = next_left[std::min<std::size_t>(d.what.depth, rows_ - 1)];
    ends[i] = std::min(d.whole.right(), next);
    next = d.sure.width >= 1 ? d.sure.x : d.whole.x;
  }
  std::vector<float> sure_until(rows_, axis_.left);
  for (std::size_t i = 0; i < device_bars_.size(); ++i) {
    const auto& d = device_bars_[i];
    const auto l = look_of_bar(d.what);
    const bool has_sure = d.sure.width >= 1;
    auto& until = sure_until[std::min<std::size_t>(d.what.depth, rows_ - 1)];
    if (has_sure) {
      draw_state(id(part::bar, d.nth), d.sure, l, d.what.task);
      until = std::max(until, d.sure.right());
    }
    if (d.what.task != no_task) {
      auto named = d.whole;
      named.x = std::max(named.x, until);
      named.width = ends[i] - named.x;
      add_run(d.what, has_sure ? piece{d.sure, l} : piece{named, l, true}, d.nth);
      drawn_.push_back(
          {d.what.task, d.nth, d.what.what, has_sure ? d.sure : d.whole, d.what.end > m_.at});
    }
    if (has_sure) mark(d.what, d.sure, d.nth);
    p_.meet(d.what.task == no_task ? id(part::bar, d.nth)
                                   : item_id{kind::task, part::bar, d.what.task, d.nth},
            d.whole, tip_of(d.what, l));
  }
}

void lane_painter::add_run(const bar& b, const piece& first, std::uint32_t nth) {
  if (last_at_depth_.size() <= b.depth) last_at_depth_.resize(b.depth + std::size_t{1});
  last_at_depth_[b.depth] = runs_.size();
  runs_.push_back({b.task, nth, b.depth, {first}, false, 0});
}

lane_painter::drawn_run* lane_painter::run_at(std::size_t depth) {
  return depth < last_at_depth_.size() && last_at_depth_[depth] < runs_.size()
             ? &runs_[last_at_depth_[depth]]
             : nullptr;
}

// How it ended, and whether it goes on elsewhere.
void lane_painter::mark(const bar& b, const rect& at, std::uint32_t nth) {
  if (b.end > m_.at) return;
  if (b.failed) {
    const auto cap = std::min(at.width / 3, p_.units(0.7F));
    p_.fill(id(part::mark, nth), {at.right() - cap, at.y, cap, at.height},
            p_.colors().of(look::failed).fill);
  }
  const auto head = std::min({at.width / 3, at.height / 2, p_.units(1.2F)});
  if (head >= 4 && b.goes_on) {
    const auto middle = at.y + at.height - head;
    p_.arrow_head(id(part::steal, nth), {at.right() - head, middle, head, head}, true,
                  kind_of(b.task, look_of_bar(b))
                      .value_or(kind_look{{}, p_.colors().of(look_of_bar(b)).ink, false})
                      .ink);
  }
}

// Where so few pixels hold a long pause, what lies behind it may be short in time and wide: it
// begins before `until`, goes on there, and stands alone.
std::int64_t lane_painter::end_of_short(std::int64_t from, std::int64_t until) const {
  if (axis_.clock == nullptr) return until;
  auto first = until;
  for (const auto& b : m_.of.open_at(lane_, until - 1)) {
    if (b.begin >= from && x(b.end) - x(b.begin) >= seen) first = std::min(first, b.begin);
  }
  return first;
}

// All that is too short to be seen, in a box of each row whose filled part says how busy it was.
std::size_t lane_painter::draw_cluster(std::size_t nth, const bar& one, std::size_t stop) {
  auto next = nth;
  std::int64_t end = one.begin;
  std::vector<index::cluster::row> rows;
  // A stretch of them goes on as long as there is no gap to be seen.
  while (next < stop) {
    const auto from = m_.of.bar_at(lane_, next).begin;
    const auto least = std::max<std::int64_t>(1, axis_.lasts(from, seen));
    if (next != nth && from - end >= std::max<std::int64_t>(1, axis_.lasts(end, seen))) break;
    // On another clock one that is short in time may be wide.
    const auto together = axis_.clock == nullptr ? least : 0;
    const auto c =
        m_.of.cluster_from(lane_, next, end_of_short(from, from + least), least, m_.at, together);
    if (c.next == next) break;
    next = c.next;
    end = std::max(end, c.end);
    for (const auto& r : c.rows) {
      const auto same = std::ranges::find(rows, r.depth, &index::cluster::row::depth);
      if (same == rows.end() && (in_rows_ || rows.empty())) {
        rows.push_back(r);
        continue;
      }
      auto& into = same == rows.end() ? rows.front() : *same;
      into.depth = std::min(into.depth, r.depth);
      into.bars += r.bars;
      into.begin = std::min(into.begin, r.begin);
      into.end = std::max(into.end, r.end);
      into.busy += r.busy;
      into.first_failure = std::min(into.first_failure, r.first_failure);
    }
  }
  if (next <= nth + 1) {  // it stands alone
    draw(one, static_cast<std::uint32_t>(nth));
    return nth + 1;
  }
  for (const auto& r : rows) draw_box(r, one, static_cast<std::uint32_t>(nth));
  return next;
}

void lane_painter::draw_box(const index::cluster::row& r, const bar& one, std::uint32_t nth) {
  const auto left = x(r.begin);
  const auto right = std::min(std::max(left + 1, x(r.end)), axis_.left + axis_.width);
  const auto all = place_of(left, right, r.depth);
  if (all.width <= 0) return;
  const auto lasts = static_cast<double>(std::max<std::int64_t>(1, r.end - r.begin));
  const auto share = std::clamp(static_cast<double>(r.busy) / lasts, 0.0, 1.0);
  const auto l = look_of_bar(one);
  if (one.what == bar::kind::reserved) {
    p_.fill(id(part::more, nth), all, p_.colors().grid);
    cover(all.x, all.right());
    p_.meet(id(part::more, nth), all,
            "reserved " + grouped(r.bars) + (r.bars == 1 ? " time" : " times"));
    return;
  }
  // They may be of several kinds.
  const auto fill = kind_of(no_task, l).value_or(kind_look{p_.colors().of(l).fill, {}, false}).fill;
  // Where a device was not at work for sure it may have been.
  if (one.what == bar::kind::device || one.what == bar::kind::copy) draw_band(all, l, nth);
  if (r.busy > 0) {
    const auto filled = std::max(1.0F, all.height * static_cast<float>(share));
    p_.fill(id(part::more, nth), {all.x, all.bottom() - filled, all.width, filled}, fill);
  }
  if (r.first_failure != forever) {
    const auto mark = std::min(all.width, 2 * p_.stroke());
    const auto at = std::clamp(x(r.first_failure) - mark, all.x, all.right() - mark);
    p_.fill(id(part::mark, nth), {at, all.y, mark, all.height}, p_.colors().of(look::failed).fill);
  }
  cover(all.x, all.right());
  const auto text = grouped(r.bars) + (r.bars == 1 ? " short bar" : " short bars");
  const auto line = p_.line_height(text_);
  if (all.width > p_.width_of(text, text_) + p_.units(1) && all.height > line) {
    const auto w = p_.width_of(text, text_) + p_.units(0.6F);
    const rect plate{all.x + (all.width - w) / 2, all.y + (all.height - line) / 2, w, line};
    p_.fill(id(part::value, nth), plate, p_.colors().panel);
    p_.write(id(part::value, nth), plate, text, text_, p_.colors().text, align::center);
  }
  p_.meet(id(part::more, nth), all, text);
}

void lane_painter::label(const drawn_run& r, std::span<const rect> below) {
  if (r.task == no_task) return;
  const auto widest =
      std::ranges::max_element(r.pieces, {}, [](const piece& one) { return one.at.width; });
  auto chosen = *widest;
  // What its later parts cover is not the first one's.
  if (widest == r.pieces.begin() && r.pieces.size() > 1) {
    float best = r.pieces[1].at.x - chosen.at.x;
    rect free{chosen.at.x, chosen.at.y, best, chosen.at.height};
    for (std::size_t i = 1; i < r.pieces.size(); ++i) {
      const auto left = r.pieces[i].at.right();
      const auto right = i + 1 < r.pieces.size() ? r.pieces[i + 1].at.x : chosen.at.right();
      if (right - left > best) {
        best = right - left;
        free = {left, chosen.at.y, best, chosen.at.height};
      }
      if (r.pieces[i].at.width > best) {
        best = r.pieces[i].at.width;
        free = r.pieces[i].at;
        chosen.l = r.pieces[i].l;
      }
    }
    chosen.at = free;
  }
  const auto line = p_.line_height(text_);
  auto at = chosen.at;
  if (r.hosts) at.height = r.strip;
  if (at.height + 0.5F < line) return;
  const auto pad = p_.units(0.5F);
  at = {at.x + pad, at.y, at.width - 2 * pad, at.height};
  const auto number = std::to_string(std::uint64_t{r.task} + 1);
  const auto wide = p_.width_of(number, text_, typeface::bold);
  if (wide > at.width) return;
  // Beside what goes through; where there is no room for that, on ground of its own.
  const auto free =
      widest_free({at.x - pad / 2, at.y + (at.height - line) / 2, at.width + pad, line}, below);
  if (free.width >= wide + pad) {
    at.x = free.x + pad / 2;
    at.width = free.width - pad;
  }
  const auto for_name = at.width - wide - pad;
  constexpr std::size_t letters = 3;
  const painter::name_cut cut{
      .letters = p_.width_of(m_.of.name_of(r.task), text_) > for_name ? letters : 0};
  const auto name = p_.brief(m_.of.name_of(r.task), text_, for_name, cut);
  // Whole or with short words, so that all bars say it in one of two ways.
  const bool named = !name.empty() && m_.of.tasks()[r.task].text != 0;
  const auto total = wide + (named ? pad + p_.width_of(name, text_) : 0);
  const auto& state = p_.colors().of(chosen.l);
  const auto s = kind_of(r.task, chosen.l).value_or(kind_look{state.fill, state.ink, false});
  const auto ink = chosen.unsure ? p_.colors().text : s.ink;
  const rect plate{at.x - pad / 2, at.y + (at.height - line) / 2, total + pad, line};
  const bool crossed = std::ranges::any_of(below, [&](const rect& one) {
    return one.x < plate.right() && plate.x < one.right() && one.y < plate.bottom() &&
           plate.y < one.bottom();
  });
  if (state.hatched || chosen.unsure || crossed) {
    p_.fill({kind::task, part::frame, r.task, r.nth}, plate,
            chosen.unsure ? p_.colors().panel : s.fill);
  }
  p_.write({kind::task, part::number, r.task, r.nth}, {at.x, at.y, wide + 1, at.height}, number,
           text_, ink, align::left, typeface::bold);
  if (named) {
    p_.write({kind::task, part::name, r.task, r.nth},
             {at.x + wide + pad, at.y, at.width - wide - pad, at.height}, name, text_, ink);
  }
}

// On a plate at its foot, so that the device's own work stays in sight.
void lane_painter::label_reserved(const drawn& d, std::span<const rect> below) {
  const auto line = p_.line_height(text_);
  const auto pad = p_.units(0.4F);
  for (const auto& words :
       {"reserved by " + called(d.task), std::to_string(std::uint64_t{d.task} + 1)}) {
    const auto w = p_.width_of(words, text_) + 2 * pad;
    if (w + 2 * pad > d.at.width || line + 2 > d.at.height) continue;
    rect plate{d.at.x + pad, d.at.bottom() - line - 1, w, line};
    const auto free = widest_free({plate.x, plate.y, d.at.width - 2 * pad, line}, below);
    if (free.width >= w) plate.x = free.x;
    p_.fill(id(part::frame, d.nth), plate, p_.colors().panel);
    p_.write({kind::task, part::tether, d.task, d.nth},
             {plate.x + pad, plate.y, w - 2 * pad + 1, line}, words, text_, p_.colors().text);
    return;
  }
}

// A full ring around what is selected, a dotted one around what it has to do with.
void lane_painter::mark_relation(const drawn& d) {
  const auto relation = relations_.of(d.task);
  if (relation == relations::kind::unrelated) return;
  const auto least = 4 * p_.stroke();
  auto at = d.at;
  if (at.width < least) {
    at.x = std::clamp(at.x + (at.width - least) / 2, axis_.left, axis_.left + axis_.width - least);
    at.width = least;
  }
  const item_id ring{kind::task, part::mark, d.task, 2 * d.nth};
  if (relation == relations::kind::selected) {
    p_.ring(ring, at);
  } else {
    p_.outline(ring, at, p_.colors().text, 2 * p_.stroke(), dash::dashed);
  }
}

void lane_painter::cover(float left, float right) {
  if (!covered_.empty() && left <= covered_.back().second) {
    covered_.back().second = std::max(covered_.back().second, right);
  } else {
    covered_.emplace_back(left, right);
  }
}

}  // namespace fronta::viz

// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"
#include "summaries.hpp"
#include "task_kinds.hpp"
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

bool of_two_runs(const moment_in_view& m) {
  return m.what.what == preset::compare && m.what.other != nullptr;
}

// What the picture is of, in parts of which each may stand alone.
std::vector<std::string> badge_of(const moment_in_view& m) {
  if (of_two_runs(m)) {
    const auto from = [&](const index& of, std::string_view which) {
      auto text =
          (of.given_clock() ? std::string("SIMULATED time") : "RECORDED " + date(of.origin_unix()));
      if (!of.given_clock() && !of.host().empty()) {
        text += " on ";
        text += of.host();
      }
      if (of.simulated()) text += ", GPUs SIMULATED";
      if (of.paced()) text += ", PACED";
      text += which;
      return text;
    };
    if (from(m.of, "") == from(*m.what.other, "")) return {from(m.of, " (A and B)")};
    return {from(m.of, " (A)"), from(*m.what.other, " (B)")};
  }
  return viz::badge_of(m.of, m.what.shown);
}

// Where bars are not cores; else there is no need to say it.
std::string sharing_of(const index& of) {
  return of.workers() > of.cores() ? workers_on_cores(of) : std::string();
}

std::vector<std::string> warnings_of(const moment_in_view& m) {
  auto warnings = viz::warnings_of(m.of, m.what.shown);
  if (of_two_runs(m))
    std::ranges::move(viz::warnings_of(*m.what.other, m.what.shown), std::back_inserter(warnings));
  return warnings;
}

// Rounded, small ones to two digits, and held within what can be said.
std::string times(double factor) {
  constexpr double most = 1e15;
  if (factor < 9.95) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%.2g×", factor);
    return text.data();
  }
  return grouped(static_cast<std::uint64_t>(std::llround(std::min(factor, most)))) + "×";
}

// That the axis is none to measure on, and where it could not be as was wished.
std::string scale_of(const moment_in_view& m) {
  const auto clock = m.what.clock;
  if (clock == clock_kind::linear) return {};
  switch (m.what.what) {
    case preset::graph:
    case preset::statistics:
    case preset::progress:
      return {};  // nothing lies on an axis
    case preset::compare:
      return "both runs on one clock, to scale";
    case preset::inspector:
      return "to scale";
    default:
      break;
  }
  if (m.clock == nullptr) return "to scale while it is LIVE";
  if (clock == clock_kind::steps) return "axis in steps, not to scale";
  const auto cuts = std::ranges::count_if(
      m.clock->cuts(), [&](const clock_map::cut& c) { return c.end > m.from && c.begin < m.to; });
  if (cuts == 0) return "to scale: nothing to shorten";
  auto words = grouped(static_cast<std::uint64_t>(cuts));
  return words += cuts == 1 ? " quiet stretch shortened" : " quiet stretches shortened";
}

std::string pace_of(const moment_in_view& m) {
  const auto& v = m.what;
  if (v.steps && !(v.beats > 0)) return "step by step, not at the run's pace";
  if (v.steps) {
    const bool many = v.beats >= 1;
    auto text = short_number(many ? 1 : 1 / v.beats);
    text += " s on screen = ";
    text += short_number(many ? v.beats : 1);
    return text += v.beats > 1 ? " events" : " event";
  }
  if (!(v.dilation > 0)) return {};
  // It is played on its clock also where no axis shows that; faster where that shortens.
  auto dilation = v.dilation;
  if (v.clock == clock_kind::warped && v.shown != source::live)
    dilation *= viz::clock_of(m.of, v.clock).pace(m.at);
  constexpr double longest = 9e18;
  std::string text = "1 s on screen = ";
  text += dilation < 1 ? "less than 1 ns"
                       : duration(static_cast<std::int64_t>(std::min(dilation, longest)));
  const auto factor = 1e9 / dilation;
  if (factor > 1.05) {
    text += " (" + times(factor) + " slower)";
  } else if (factor < 0.95) {
    text += " (" + times(1 / factor) + " faster)";
  }
  return text;
}

std::string clock_of(const moment_in_view& m, std::int64_t at) {
  return "t = " + moment(at - m.of.begin(), std::max<std::int64_t>(1, (m.to - m.from) / 1000));
}

std::string totals_of(const moment_in_view& m, std::int64_t at) {
  if (of_two_runs(m)) {
    return "A: " + grouped(m.of.tasks().size()) +
           " tasks, B: " + grouped(m.what.other->tasks().size()) + " tasks";
  }
  const auto counts = m.of.counts_at(at);
  std::uint64_t all = 0;
  for (const auto c : counts) all += c;
  const auto of = [&](task_state s) { return counts[static_cast<std::size_t>(s)]; };
  auto text = grouped(all) + (all == 1 ? " task" : " tasks");
  text += ", " + grouped(of(task_state::done)) + " done";
  if (of(task_state::failed) != 0) text += ", " + grouped(of(task_state::failed)) + " failed";
  if (of(task_state::cancelled) != 0)
    text += ", " + grouped(of(task_state::cancelled)) + " cancelled";
  return text;
}

// One thing that the header says, and where.
struct piece {
  enum class look : std::uint8_t { plain, badge, warning };
  item_id id;
  rect at;  // from the header's upper left corner
  std::string text;
  float size = 0;
  typeface face = typeface::sans;
  align where = align::left;
  look how = look::plain;
};

// Lines from the top, each with pieces from the left and from the right.
class header_layout {
 public:
  header_layout(const painter& p, const moment_in_view& m, float width, float factor)
      : p_(p),
        m_(m),
        factor_(factor),
        left_(units(1.5F)),
        width_(width - 2 * left_),
        y_(units(0.6F)) {
    add_badge();
    add_clock();
  }

  [[nodiscard]] const std::vector<piece>& pieces() const noexcept { return pieces_; }
  [[nodiscard]] float height() const noexcept { return y_; }

 private:
  [[nodiscard]] float units(float hundredths) const { return p_.units(hundredths) * factor_; }
  [[nodiscard]] float width_of(const piece& one) const {
    const auto pad = one.how == piece::look::plain ? 0.0F : 2 * units(1);
    return p_.width_of(one.text, one.size, one.face) + pad + 1;
  }

  // Smaller where not even a line of its own has room: what it says is never cut.
  void fit(piece& one, float most) const {
    const auto least = p_.height() * 0.022F;
    while (width_of(one) > most && one.size > least) one.size = std::max(least, one.size * 0.95F);
  }

  void put(piece one, float x, float width, float height) {
    one.at = {x, y_, width, height};
    pieces_.push_back(std::move(one));
  }

  void add_badge() {
    constexpr float most = 0.84F;  // the rest is the title's
    const auto high = units(4.72F);
    const auto parts = badge_of(m_);
    const auto badge = [&](std::string text, std::uint32_t nth) {
      return piece{{kind::badge, part::name, 0, nth},
                   {},
                   std::move(text),
                   units(3.7F),
                   typeface::bold,
                   align::center,
                   piece::look::badge};
    };
    piece title{{kind::title, part::name, 0, 0}, {}, m_.what.title, units(3.7F), typeface::bold};
    // On which machine is said below where there is no room.
    auto whole = badge(of_two_runs(m_) ? joined(parts) : viz::badge(m_.of, m_.what.shown), 0);
    const auto beside = [&] { return width_ - width_of(whole) - units(1); };
    if (width_of(whole) > width_ * most || width_of(title) > beside()) {
      if (auto brief = joined(parts); brief != whole.text) {
        whole.text = std::move(brief);
        host_below_ = true;
      }
    }
    const auto width = width_of(whole);
    if (width <= width_ * most) {
      // A long title is written smaller before it is cut.
      const auto least = std::max(units(2.6F), p_.height() * 0.022F);
      while (width_of(title) > beside() && title.size > least)
        title.size = std::max(least, title.size * 0.95F);
      put(title, left_, width_ - width - units(1), high);
      put(whole, left_ + width_ - width, width, high);
      y_ += high;
      return;
    }
    if (!title.text.empty()) {
      put(title, left_, width_, high);
      y_ += high;
    }
    std::vector<piece> chips;
    if (width <= width_) {
      chips.push_back(std::move(whole));
    } else {
      for (const auto& one : parts)
        chips.push_back(badge(one, static_cast<std::uint32_t>(chips.size())));
    }
    flow(std::move(chips), high);
  }

  void add_clock() {
    const auto small = units(2.6F);
    // In a room, as far as the badge can be read.
    const auto warning = m_.what.what == preset::stage ? units(3.7F) : small;
    const auto plain = [&](std::uint32_t nth, std::string text) {
      return piece{{kind::title, part::value, 0, nth}, {}, std::move(text), small};
    };
    std::vector<piece> all;
    for (auto& words : warnings_of(m_)) {
      all.push_back({{kind::badge, part::state, 0, static_cast<std::uint32_t>(all.size())},
                     {},
                     std::move(words),
                     warning,
                     typeface::bold,
                     align::center,
                     piece::look::warning});
    }
    const auto high = units(4.18F);
    const auto warned = all.size();
    all.push_back(plain(0, clock_of(m_, m_.at)));
    if (host_below_) {
      std::string machine = "on ";
      machine += m_.of.host();
      all.push_back(plain(6, std::move(machine)));
    }
    auto pace_at = all.size();
    if (auto pace = pace_of(m_); !pace.empty()) all.push_back(plain(2, std::move(pace)));
    if (pace_at == all.size()) pace_at = 0;
    if (auto scale = scale_of(m_); !scale.empty()) all.push_back(plain(5, std::move(scale)));
    if (auto sharing = sharing_of(m_.of); !sharing.empty())
      all.push_back(plain(3, std::move(sharing)));
    if (!m_.what.note.empty()) all.push_back(plain(4, m_.what.note));
    all.push_back(plain(1, totals_of(m_, m_.at)));
    // Figures grow while time passes; the lines that they stand in stay.
    std::vector<float> widths;
    widths.reserve(all.size());
    for (const auto& one : all) widths.push_back(width_of(one));
    auto widest = all[warned];
    widest.text = clock_of(m_, m_.to);
    widths[warned] = std::max(widths[warned], width_of(widest));
    widest.text = totals_of(m_, m_.of.end());
    widths.back() = std::max(widths.back(), width_of(widest));
    if (pace_at != 0) widths[pace_at] = std::max(widths[pace_at], widest_pace(all[pace_at]));
    const auto gap = units(2);
    const auto used = [&](std::size_t from) {
      auto sum = -gap;
      for (auto i = from; i < all.size(); ++i) sum += widths[i] + gap;
      return sum;
    };
    auto first = std::size_t{0};
    if (used(0) > width_ || (warned != 0 && warning > small)) {
      flow({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(warned)},
           units(warning > small ? 4.9F : 4.18F));
      first = warned;
    }
    if (used(first) > width_) {
      flow({all.begin() + static_cast<std::ptrdiff_t>(first), all.end()}, high);
      return;
    }
    // Clock and pace to the left, how many tasks to the right, warnings beside that.
    auto x = left_;
    for (auto i = warned; i + 1 < all.size(); ++i) {
      put(all[i], x, widths[i], high);
      x += widths[i] + gap;
    }
    all.back().where = align::right;
    auto right = left_ + width_ - widths.back();
    put(all.back(), right, widths.back(), high);
    for (auto i = warned; i-- > first;) {
      right -= widths[i] + gap;
      put(all[i], right, widths[i], high);
    }
    y_ += high;
  }

  // On the warped clock: within each of its cuts, and between them.
  [[nodiscard]] float widest_pace(piece one) const {
    if (m_.what.clock != clock_kind::warped || m_.what.shown == source::live) return 0;
    float widest = 0;
    for (const auto& cut : viz::clock_of(m_.of, m_.what.clock).cuts()) {
      auto there = m_;
      for (const auto at : {cut.begin, cut.end}) {
        there.at = at;
        one.text = pace_of(there);
        widest = std::max(widest, width_of(one));
      }
    }
    return widest;
  }

  // One after the other, on as many lines as they need.
  void flow(std::vector<piece> all, float high) {
    if (all.empty()) return;
    auto x = left_;
    for (auto& one : all) {
      fit(one, width_);
      const auto width = std::min(width_of(one), width_);
      if (x > left_ && x + width > left_ + width_) {
        x = left_;
        y_ += high;
      }
      put(one, x, width, high);
      x += width + units(2);
    }
    y_ += high;
  }

  const painter& p_;
  const moment_in_view& m_;
  float factor_;
  float left_;
  float width_;
  float y_;
  bool host_below_ = false;
  std::vector<piece> pieces_;
};

// Large text may not leave the picture without room: then the header's is the first to give way,
// down to its usual size.
header_layout fitting_header(const painter& p, const moment_in_view& m, float width) {
  auto factor = 1.0F;
  while (p.text_size() * factor > 1 &&
         header_layout(p, m, width, factor).height() > p.height() * 0.3F) {
    factor = std::max(factor * 0.93F, 1 / p.text_size());
  }
  return {p, m, width, factor};
}

struct first_look {
  look what;
  std::int64_t at;
};

// All that the trace has, in the order in which they come: so those that have come are always the
// first, and stay where they are while time goes on.
std::vector<first_look> looks_in(const moment_in_view& m) {
  auto first = m.of.whole().looks_of(m.of);
  if (of_two_runs(m)) {
    const auto& other = *m.what.other;
    const auto& its = other.whole().looks_of(other);
    for (std::size_t l = 0; l < looks; ++l) {
      if (its[l] != forever) first[l] = std::min(first[l], its[l] - other.begin() + m.of.begin());
    }
  }
  std::vector<first_look> found;
  // Of those that come at once in the order of a task's life.
  for (const auto l : {look::waiting_inputs, look::queued, look::waiting_tags, look::running,
                       look::on_device, look::copying, look::suspended, look::retry_wait,
                       look::done, look::failed, look::cancelled, look::unknown}) {
    if (const auto at = first[static_cast<std::size_t>(l)]; at != forever) found.push_back({l, at});
  }
  const auto sooner = [](const first_look& a, const first_look& b) { return a.at < b.at; };
  for (auto i = found.begin(); i != found.end(); ++i)
    std::rotate(std::ranges::upper_bound(found.begin(), i, *i, sooner), i, i + 1);
  return found;
}

// What the legend says of a colour.
struct legend_entry {
  std::uint32_t number = 0;
  std::optional<look> state = {};  // else a kind of tasks
  kind_look kind = {};
  std::string word = {};
  std::int64_t from = std::numeric_limits<std::int64_t>::min();  // when it is first to be seen
  std::string room = {};  // a word that it will have; what comes behind it stays
};

// Those that a lane has, and that no kind is drawn in place of.
bool stays_beside_kinds(look l) noexcept {
  return l == look::suspended || l == look::copying || l == look::failed || l == look::unknown;
}

std::string words_of_others(std::size_t kinds) {
  std::string words = "many short bars";
  if (kinds != 0) {
    words += ", or of ";
    words += grouped(kinds);
    words += kinds == 1 ? " more kind" : " more kinds";
  }
  return words;
}

// What is of no kind first, for there may always be some.
std::vector<legend_entry> legend_of_kinds(const painter& p, const moment_in_view& m, float size) {
  std::vector<legend_entry> all;
  const auto& kinds = kinds_of(m.of);
  const auto add = [&](std::size_t which, std::string now, std::string at_last) {
    all.push_back({.number = static_cast<std::uint32_t>(looks + which),
                   .kind = look_of_kind(p.colors(), which),
                   .word = std::move(now),
                   .room = std::move(at_last)});
  };
  add(most_kinds, words_of_others(kinds.others_at(m.at)),
      words_of_others(kinds.others_at(forever)));
  for (std::size_t k = 0; k < std::min(kinds.all().size(), most_kinds); ++k) {
    const auto& one = kinds.all()[k];
    add(k, p.fit(one.name_at(m.at), size, 14 * size), p.fit(one.name, size, 14 * size));
    all.back().from = one.from;
  }
  return all;
}

std::vector<legend_entry> legend_of(const painter& p, const moment_in_view& m, float size) {
  const bool by_kind = shows_kinds(m.what);
  std::vector<legend_entry> states;
  for (const auto& [l, at] : looks_in(m)) {
    if (by_kind && !stays_beside_kinds(l)) continue;
    states.push_back(
        {static_cast<std::uint32_t>(l), l, {}, std::string(p.colors().of(l).word), at});
  }
  if (!by_kind) return states;
  std::vector<legend_entry> all;
  std::ranges::merge(legend_of_kinds(p, m, size), states, std::back_inserter(all), {},
                     &legend_entry::from, &legend_entry::from);
  return all;
}

float entry_width(const painter& p, const legend_entry& e, float size) {
  return size * 1.5F + std::max(p.width_of(e.word, size), p.width_of(e.room, size)) + size;
}

}  // namespace

float header_height(const painter& p, const moment_in_view& m, float width) {
  return fitting_header(p, m, width).height();
}

void draw_header(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("header", at);
  const auto layout = fitting_header(p, m, at.width);
  for (const auto& one : layout.pieces()) {
    auto place = rect{at.x + one.at.x, at.y + one.at.y, one.at.width, one.at.height};
    if (one.how != piece::look::plain) {
      const auto inset = place.height * 0.05F;  // from what is in the lines above and below
      place = {place.x, place.y + inset, place.width, place.height - 2 * inset};
    }
    auto box = one.id;
    box.which = part::frame;
    auto ink = p.colors().text;
    if (one.how == piece::look::badge) {
      p.outline(box, place, ink, p.stroke() * 1.5F, dash::solid, place.height * 0.13F);
      p.meet(box, place, "where this picture comes from");
    } else if (one.how == piece::look::warning) {
      box.which = part::mark;
      p.fill(box, place, ink, place.height * 0.13F);
      p.meet(box, place, "this picture may lack what happened");
      ink = p.colors().page;
    }
    p.write(one.id, place, one.text, one.size, ink, one.where, one.face);
  }
}

float legend_height(const painter& p, const moment_in_view& m, float width, float size) {
  const auto row = p.line_height(size) * 1.25F;
  const auto margin = p.units(1.5F);
  auto x = margin;
  auto rows = 1.0F;
  for (const auto& e : legend_of(p, m, size)) {
    const auto w = entry_width(p, e, size);
    if (x + w > width - margin && x > margin) {
      rows += 1;
      x = margin;
    }
    x += w;
  }
  return rows * row + p.units(0.6F);
}

void draw_legend(painter& p, const moment_in_view& m, const rect& at, float size) {
  p.begin_pane("legend", at);
  const auto row = p.line_height(size) * 1.25F;
  const auto margin = p.units(1.5F);
  point where{at.x + margin, at.y};
  for (const auto& e : legend_of(p, m, size)) {
    if (e.from > m.at) break;
    const auto w = entry_width(p, e, size);
    if (where.x + w > at.right() - margin && where.x > at.x + margin) {
      where = {at.x + margin, where.y + row};
    }
    const rect sample{where.x, where.y + (row - size * 1.2F) / 2, size * 1.2F, size * 1.2F};
    const item_id token{kind::legend, part::token, e.number, 0};
    if (e.state) {
      const auto& s = p.colors().of(*e.state);
      p.state_box(token, sample, *e.state, size * 0.15F);
      if (s.hatched) {
        p.fill({kind::legend, part::mark, e.number, 0},
               {sample.x + size * 0.25F, sample.y + size * 0.15F, size * 0.7F, size * 0.9F},
               s.fill);
      }
      p.write({kind::legend, part::state, e.number, 0}, sample, s.sign, size * 0.95F, s.ink,
              align::center);
    } else {
      p.fill(token, sample, e.kind.fill);
      if (e.kind.striped) {
        p.fill({kind::legend, part::stripe, e.number, 0},
               {sample.x, sample.y + sample.height * 0.15F, sample.width, sample.height * 0.2F},
               e.kind.ink);
      }
      p.outline(token, sample, p.colors().outline, p.stroke());
    }
    p.write({kind::legend, part::name, e.number, 0},
            {sample.right() + size * 0.3F, where.y, w, row}, e.word, size, p.colors().text);
    where.x += w;
  }
}

}  // namespace fronta::viz

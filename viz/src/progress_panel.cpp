// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"
#include "summaries.hpp"
#include "time_axis.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// In the order of a bar: what has ended, what is under way, what is to come.
constexpr std::array order{look::done,           look::failed,       look::cancelled,
                           look::running,        look::copying,      look::suspended,
                           look::retry_wait,     look::waiting_tags, look::queued,
                           look::waiting_inputs, look::unknown};

std::uint32_t count_of(const progress::counts& c, look l) { return c[static_cast<task_state>(l)]; }

// Each part by its share; what is there is seen, however few.
std::vector<float> widths_of(const progress::counts& c, float width, float least) {
  std::vector<float> widths(order.size());
  const auto all = static_cast<double>(c.submitted());
  float missing = 0;
  float spare = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto n = count_of(c, order[i]);
    if (n == 0) continue;
    widths[i] = static_cast<float>(n / all * static_cast<double>(width));
    if (widths[i] < least) {
      missing += least - widths[i];
      widths[i] = least;
    } else {
      spare += widths[i] - least;
    }
  }
  for (auto& w : widths) {
    if (w > least && spare > 0) w -= (w - least) * std::min(1.0F, missing / spare);
  }
  return widths;
}

// A pace of fewer is chance.
constexpr std::uint64_t least_for_a_rate = 5;

std::string rate_in_words(const progress::counts& c, std::int64_t at) {
  const auto ended = c.ended();
  if (ended == 0) return "no rate: none has ended";
  if (ended < least_for_a_rate) {
    std::string words = "too few for a rate: ";
    words += grouped(ended);
    words += " in ";
    return words += duration(c.lasts(at));
  }
  const auto rate = c.rate(at);
  if (rate <= 0) return {};
  std::string words = short_number(rate);
  words += " a second";
  if (const auto left = c.submitted() - ended; left != 0) {
    words += " · estimate, if so on: ";
    words += duration(c.rest(at));
    words += " for ";
    words += grouped(left);
    words += " more";
  }
  return words;
}

// The counts behind their signs, as many as fit.
void write_counts(painter& p, const progress::counts& c, std::uint32_t name, const rect& at,
                  float text) {
  auto x = at.x;
  for (const auto l : order) {
    const auto n = count_of(c, l);
    if (n == 0) continue;
    std::string words = grouped(n);
    words += ' ';
    words += name_of(static_cast<task_state>(l));
    const auto sign = text * 1.2F;
    const auto width = sign + text * 0.3F + p.width_of(words, text);
    if (x + width > at.right()) break;
    const auto& s = p.colors().of(l);
    const rect box{x, at.y + (at.height - sign) / 2, sign, sign};
    const auto nth = static_cast<std::uint32_t>(l);
    p.state_box({kind::completion, part::token, name, nth}, box, l, sign * 0.12F);
    if (s.hatched) {
      p.fill({kind::completion, part::mark, name, nth},
             {box.x + sign * 0.2F, box.y + sign * 0.12F, sign * 0.6F, sign * 0.76F}, s.fill);
    }
    p.write({kind::completion, part::state, name, nth}, box, s.sign, text * 0.97F, s.ink,
            align::center);
    p.write({kind::completion, part::value, name, nth},
            {box.right() + text * 0.3F, at.y, width - sign - text * 0.3F + 1, at.height}, words,
            text, p.colors().text);
    x += width + text * 1.1F;
  }
}

}  // namespace

void draw_progress(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("progress", at);
  const auto& of = m.of;
  const auto& groups = of.whole().groups_of(of);
  const auto& model = of.whole().progress_of(of);
  const auto names = model.names_until(of, m.at);
  // Few names leave room for larger letters; by all that are to come, so that they stay so large.
  const auto gap = p.units(1.6F);
  const auto least_bar = p.units(1.8F);
  const auto height_of = [&](float size) {
    return 2.2F * p.line_height(p.units(size)) + least_bar + gap;
  };
  auto size = 3.2F;
  while (size > 2.5F && height_of(size) * static_cast<float>(groups.size()) > at.height)
    size -= 0.35F;
  const auto text = p.units(std::max(size, 2.5F));
  const auto line = p.line_height(text);
  if (names == 0) {
    p.write({kind::completion, part::reason, 0, 0}, at, so_far(m, "No task has been submitted"),
            text, p.colors().text, align::center);
    return;
  }
  // Of each name: what it is called and how fast, its bar, and the numbers.
  const auto least = 2 * line * 1.1F + least_bar + gap;
  auto fitting = std::max<std::size_t>(1, static_cast<std::size_t>((at.height + gap) / least));
  const bool cut = fitting < names;
  if (cut) {
    fitting =
        std::max<std::size_t>(1, static_cast<std::size_t>((at.height - line * 1.2F + gap) / least));
  }
  const auto shown = model.names_at(of, m.at, fitting);
  const auto room = at.height - (cut ? line * 1.2F : 0);
  // Higher bars would say no more.
  const auto bar_height =
      std::min(room / static_cast<float>(shown.size()) - gap - 2 * line * 1.1F, p.units(3.2F));
  const auto height = bar_height + gap + 2 * line * 1.1F;
  auto y = at.y;
  for (const auto g : shown) {
    const auto counts = model.at(of, g, m.at);
    const auto head = line * 1.1F;
    auto rate = rate_in_words(counts, m.at);
    const auto rate_width = std::min(p.width_of(rate, text) + 1, at.width * 0.62F);
    std::string name(groups.name(g));
    const auto most = at.width - rate_width - p.units(2);
    std::string so_far = "  ";
    so_far += grouped(counts.ended());
    so_far += " of ";
    so_far += grouped(counts.submitted());
    so_far += " ended";
    const auto so_far_width = p.width_of(so_far, text);
    name = p.fit(name, text, std::max(0.0F, most - so_far_width - 1), typeface::bold);
    p.write({kind::completion, part::name, g, 0}, {at.x, y, most, head}, name, text,
            p.colors().text, align::left, typeface::bold);
    const auto name_width = p.width_of(name, text, typeface::bold);
    p.write({kind::completion, part::number, g, 0}, {at.x + name_width, y, most - name_width, head},
            so_far, text, p.colors().text);
    p.write({kind::completion, part::reason, g, 1}, {at.right() - rate_width, y, rate_width, head},
            rate, text, p.colors().text, align::right);
    const rect bar{at.x, y + head, at.width, bar_height};
    const auto widths = widths_of(counts, bar.width, p.stroke() * 3);
    auto x = bar.x;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (widths[i] <= 0) continue;
      const rect piece{x, bar.y, std::min(widths[i], bar.right() - x), bar.height};
      const auto nth = static_cast<std::uint32_t>(order[i]);
      const item_id id{kind::completion, part::bar, g, nth};
      p.state_box(id, piece, order[i], 0);
      std::string tip(groups.name(g));
      tip += ": ";
      tip += grouped(count_of(counts, order[i]));
      tip += ' ';
      tip += name_of(static_cast<task_state>(order[i]));
      p.meet(id, piece, std::move(tip));
      x += widths[i];
    }
    write_counts(p, counts, g, {at.x, bar.bottom(), at.width, head}, text);
    y += height;
  }
  if (cut) {
    std::string more = "+";
    more += grouped(names - shown.size());
    more +=
        names - shown.size() == 1 ? " more name, of fewer tasks" : " more names, of fewer tasks";
    p.write({kind::completion, part::more, 0, 0}, {at.x, at.bottom() - line, at.width, line}, more,
            text, p.colors().text);
  }
}

}  // namespace fronta::viz

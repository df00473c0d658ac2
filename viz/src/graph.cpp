// SPDX-License-Identifier: Apache-2.0
#include "graph_layout.hpp"
#include "panels.hpp"
#include "task_relations.hpp"

#include <fronta/viz/critical_path.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_set>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

// Where the columns of a layout lie: side by side, and where they are too many in bands like lines
// of text.
struct frame {
  float text = 0;
  float row = 0;
  float band = 0;  // height of one, with the space below
  float top = 0;
  struct column {
    float x;
    float width;
    std::uint32_t band;
  };
  std::vector<column> columns;
  float left = 0;  // where lines go on from the band above, and leave for the one below
  float right = 0;
};

std::string number_of(task_number t) { return std::to_string(std::uint64_t{t} + 1); }

std::string label_of(const graph_layout::node& n) { return n.name + " ×" + grouped(n.size); }

bool is_group(const graph_layout& g, const graph_layout::node& n) {
  return g.grouped && n.size > 1;
}

class graph_picture {
 public:
  graph_picture(painter& p, const moment_in_view& m, const graph_layouts& all)
      : p_(p), m_(m), all_(all) {}

  void draw(const rect& at) {
    const auto small = p_.units(2.3F);
    const auto line = p_.line_height(small) * 1.2F;
    const auto margin = p_.units(0.6F);
    choose({at.x + margin, at.y + line, at.width - 2 * margin, at.height - 2 * line - margin},
           line);
    counts_ = all_.counts_at(m_.of, level_, m_.at);
    light();
    const rect words{at.x, at.y, at.width, line};
    if (lit_words_.empty()) {
      p_.write({kind::edge, part::name, 0, 0}, words, "critical path: known at the end of the run",
               small, p_.colors().text);
    } else {
      draw_lit_words(p_, words, lit_words_, small);
    }
    draw_links();
    cut_names();
    for (std::uint32_t n = 0; n < graph().nodes.size(); ++n) {
      if (shown(n)) draw_node(n);
    }
    p_.write({kind::edge, part::name, 0, 1}, {at.x, at.bottom() - line, at.width, line},
             how_to_read(), small, p_.colors().text);
    if (graph().grouped) {
      p_.write({kind::edge, part::name, 0, 2}, {at.x, at.bottom() - 2 * line, at.width, line},
               how_grouped(), small, p_.colors().text);
    }
  }

 private:
  [[nodiscard]] const graph_layout& graph() const { return all_.at(level_); }

  // ---- The finest layout that can be read in the room.

  // Groups need a line of words more.
  void choose(rect area, float line) {
    constexpr std::array sizes{4.2F, 3.7F, 3.2F, 2.8F, 2.5F, 2.2F};
    constexpr float worth_a_line = 3.2F;
    for (level_ = 0; level_ < all_.count(); ++level_) {
      if (graph().grouped && (level_ == 0 || !all_.at(level_ - 1).grouped)) area.height -= line;
      // Names are worth smaller letters, and so is a line that goes on below.
      for (const auto wanted : {names::all, names::all_in_lines, names::most, names::any}) {
        for (const auto size : sizes) {
          if (wanted == names::all && size < worth_a_line) continue;
          if (fit(area, p_.units(size), wanted)) return;
        }
      }
    }
    level_ = all_.count() - 1;
    fit(area, p_.units(sizes.back()), names::whatever);
  }
  // How much of the names is to be read: all, if need be in more lines than the numbers need;
  // `whatever`: also if there is no room for it all.
  enum class names : std::uint8_t { all, all_in_lines, most, any, whatever };

  [[nodiscard]] float least_width(const graph_layout::node& n, float text) const {
    if (is_group(graph(), n)) return text * 7;
    return p_.width_of(number_of(n.first), text, typeface::bold) + text * 1.9F;
  }
  [[nodiscard]] float best_width(const graph_layout::node& n, float text) const {
    const auto least = least_width(n, text);
    if (is_group(graph(), n))
      return std::clamp(p_.width_of(label_of(n), text) + text, least, text * 22);
    if (m_.of.tasks()[n.first].text == 0) return least;
    return least + std::min(p_.width_of(n.name, text) + text * 0.5F, text * 14);
  }

  bool fit(const rect& area, float text, names wanted) {
    const auto& g = graph();
    const bool anyway = wanted == names::whatever;
    const auto row = p_.line_height(text) * 1.5F;
    const auto apart = row * 0.6F;
    const auto most = std::floor((area.height + apart) / (g.rows * row + apart));
    if (most < 1 && !anyway) return false;
    struct widths {
      float least = 0;
      float best = 0;
    };
    std::vector<widths> columns(g.columns);
    const auto gap = p_.units(4);
    // What is wide already needs no other width.
    if (static_cast<float>(g.columns) * (gap + text * 2) > area.width * std::max(1.0F, most) &&
        !anyway) {
      return false;
    }
    for (const auto& n : g.nodes) {
      auto& c = columns[n.column];
      c.least = std::max(c.least, least_width(n, text));
      c.best = std::max(c.best, best_width(n, text));
    }
    // Whole columns in each band, as many as have room.
    const auto side = p_.units(2.5F);
    auto counts = &widths::least;
    const auto break_lines = [&](float room, std::size_t at_most) {
      std::vector<std::size_t> begins{0};
      float x = 0;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const bool full = x > 0 && x + columns[c].*counts > room;
        if (full || c - begins.back() >= at_most) {
          begins.push_back(c);
          x = 0;
        }
        x += columns[c].*counts + gap;
      }
      return begins;
    };
    auto room = area.width;
    auto begins = break_lines(room, columns.size());
    if (wanted == names::all_in_lines && begins.size() == 1) {
      counts = &widths::best;
      begins = break_lines(room, columns.size());
      if (begins.size() > 1) begins = break_lines(room - 2 * side, columns.size());
    }
    if (begins.size() > 1) {
      room -= 2 * side;
      // Below one another, if that costs little.
      const auto [low, high] = std::ranges::minmax(columns, {}, counts);
      if (high.*counts < low.*counts * 1.5F) {
        widths all;
        for (const auto& c : columns) {
          all.least = std::max(all.least, c.least);
          all.best = std::max(all.best, c.best);
        }
        std::ranges::fill(columns, all);
      }
      begins = break_lines(room, columns.size());
      // Lines of equal length, if that takes no more of them.
      const auto each = (columns.size() + begins.size() - 1) / begins.size();
      if (auto even = break_lines(room, each); even.size() <= begins.size())
        begins = std::move(even);
    }
    if (static_cast<float>(begins.size()) > most && !anyway) return false;

    // Names get what is left in the fullest line, then the gaps.
    float named = 1;
    const auto in_line = [&](std::size_t b, auto add) {
      const auto end = b + 1 < begins.size() ? begins[b + 1] : columns.size();
      for (auto c = begins[b]; c < end; ++c) add(columns[c]);
      return end - begins[b];
    };
    for (std::size_t b = 0; b < begins.size(); ++b) {
      float least = 0;
      float more = 0;
      const auto n = in_line(b, [&](const widths& w) {
        least += w.least;
        more += w.best - w.least;
      });
      const auto left = room - least - gap * static_cast<float>(n - 1);
      if (more > 0) named = std::min(named, std::max(0.0F, left) / more);
    }
    constexpr float readable = 0.6F;
    constexpr float of_use = 0.4F;  // numbers of names stay
    if ((wanted == names::all || wanted == names::all_in_lines) && named < 1) return false;
    if (named < readable) {
      if (wanted == names::most) return false;
      if (!g.grouped && named < of_use) named = 0;
    }
    auto wide = p_.units(14);
    float longest = 0;
    for (std::size_t b = 0; b < begins.size(); ++b) {
      float sum = 0;
      const auto n =
          in_line(b, [&](const widths& w) { sum += w.least + (w.best - w.least) * named; });
      if (n > 1) wide = std::min(wide, (room - sum) / static_cast<float>(n - 1));
      longest = std::max(longest, sum);
    }
    wide = std::max(wide, 0.0F);
    frame_ = {};
    frame_.text = text;
    const auto bands = static_cast<float>(begins.size());
    frame_.row =
        std::clamp((area.height + apart) / bands / g.rows - apart / g.rows, row, row * 1.6F);
    frame_.band = g.rows * frame_.row + apart;
    frame_.top = area.y + std::max(0.0F, area.height - (frame_.band * bands - apart)) / 2;
    frame_.left = area.x;
    frame_.right = area.right();
    for (std::size_t b = 0; b < begins.size(); ++b) {
      auto x = area.x;
      if (begins.size() > 1) {
        x += side;
      } else {
        x += std::max(0.0F, room - longest - wide * static_cast<float>(columns.size() - 1)) / 2;
      }
      in_line(b, [&](const widths& w) {
        const auto width = w.least + (w.best - w.least) * named;
        frame_.columns.push_back({x, width, static_cast<std::uint32_t>(b)});
        x += width + wide;
      });
    }
    return true;
  }

  [[nodiscard]] float y_of(std::uint32_t column, float y) const {
    return frame_.top + static_cast<float>(frame_.columns[column].band) * frame_.band +
           y * frame_.row;
  }
  [[nodiscard]] rect box_of(const graph_layout::node& n) const {
    const auto& c = frame_.columns[n.column];
    const auto line = p_.line_height(frame_.text);
    const auto height = is_group(graph(), n) ? line * 2.4F : line * 1.2F;
    return {std::round(c.x), std::round(y_of(n.column, n.y) - height / 2), std::round(c.width),
            std::round(height)};
  }

  // ---- What is there at the moment.

  [[nodiscard]] std::span<const std::uint32_t> counts(std::uint32_t n) const {
    return std::span(counts_).subspan(n * looks, looks);
  }
  [[nodiscard]] std::uint32_t submitted(std::uint32_t n) const {
    std::uint32_t all = 0;
    for (const auto c : counts(n)) all += c;
    return all;
  }
  [[nodiscard]] bool shown(std::uint32_t n) const { return submitted(n) != 0; }
  [[nodiscard]] bool done(std::uint32_t n) const {
    return counts(n)[static_cast<std::size_t>(look::done)] == graph().nodes[n].size;
  }

  // The selected task with what leads to it and what follows, else the critical path.
  void light() {
    const auto& g = graph();
    lit_nodes_.assign(g.nodes.size(), false);
    lit_edges_.assign(g.edges.size(), false);
    const auto t = m_.what.selected;
    if (t >= m_.of.tasks().size() || all_.node_of(level_, t) == none) {
      if (!knows_critical_path(m_)) return;
      for (std::size_t n = 0; n < g.nodes.size(); ++n) lit_nodes_[n] = g.nodes[n].on_path;
      for (std::size_t e = 0; e < g.edges.size(); ++e) lit_edges_[e] = g.edges[e].on_path;
      lit_words_ = in_words(m_.of, critical_path_of(m_.of));
      return;
    }
    constexpr std::size_t most = 20'000;
    const auto& related = task_relations_of(m_.of);
    const auto before = related.before(m_.of, t, most);
    const auto after = related.after(m_.of, t, most);
    const auto node = [&](task_number one) { return all_.node_of(level_, one); };
    const auto edges_into = [&](task_number one, const auto& from) {
      related.each_before(m_.of, one, [&](task_number other) {
        if (!from(other)) return;
        if (const auto* e = g.find(node(other), node(one)))
          lit_edges_[static_cast<std::size_t>(e - g.edges.data())] = true;
      });
    };
    const auto any = [](task_number) { return true; };
    const std::unordered_set<task_number> behind(after.begin(), after.end());
    const auto follows = [&](task_number one) { return one == t || behind.contains(one); };
    edges_into(t, any);
    for (const auto one : before) edges_into(one, any);
    for (const auto one : after) edges_into(one, follows);
    lit_nodes_[node(t)] = true;
    for (const auto* list : {&before, &after}) {
      for (const auto one : *list) {
        if (node(one) != none) lit_nodes_[node(one)] = true;
      }
    }
    const auto many = [&](std::size_t n) {
      return (n >= most ? "more than " : "") + grouped(std::min(n, most)) +
             (n == 1 ? " task" : " tasks");
    };
    lit_words_ = called(t);
    if (m_.of.tasks()[t].text != 0) {
      lit_words_ += " ";
      lit_words_ += m_.of.name_of(t);
    }
    lit_words_ += ": " + many(before.size()) + " had to come before it, " + many(after.size()) +
                  (after.size() == 1 ? " comes after it" : " come after it");
  }

  [[nodiscard]] std::string how_to_read() const {
    const auto& g = graph();
    std::string text = "Arrows: from inputs, dashed until done; dotted: from who submitted it.";
    if (g.edges.empty()) text = "No task is another's input, and none was submitted by another.";
    if (!g.grouped && to_come() != 0) {
      text += " ";
      text += grouped(to_come());
      text += to_come() == 1 ? " task is to come." : " tasks are to come.";
    }
    return text;
  }
  [[nodiscard]] std::string how_grouped() const {
    const auto& g = graph();
    std::uint64_t all = 0;
    for (const auto& n : g.nodes) all += n.size;
    auto text = grouped(all) + " tasks in " + grouped(g.nodes.size());
    text += g.nodes.size() == 1 ? " group" : " groups";
    text += " by name and step";
    if (to_come() != 0) text += "; " + grouped(to_come()) + " are to come";
    return text + ".";
  }
  [[nodiscard]] std::uint64_t to_come() const {
    std::uint64_t count = 0;
    for (std::uint32_t n = 0; n < graph().nodes.size(); ++n)
      count += graph().nodes[n].size - submitted(n);
    return count;
  }

  // ---- Lines.

  struct look_of_link {
    bool visible = false;
    bool waits = false;
    bool lit = false;
  };

  void draw_links() {
    const auto& g = graph();
    std::vector<look_of_link> how(g.links.size());
    for (std::size_t i = 0; i < g.edges.size(); ++i) {
      const auto& e = g.edges[i];
      if (!shown(e.from) || !shown(e.to)) continue;
      const bool waits = !done(e.from);
      for (std::uint32_t k = 0; k < e.links; ++k) {
        auto& h = how[g.ways[e.first_link + k]];
        h.visible = true;
        h.waits = h.waits || waits;
        h.lit = h.lit || lit_edges_[i];
      }
    }
    // What is lit lies on top.
    for (const bool lit : {false, true}) {
      for (std::uint32_t l = 0; l < g.links.size(); ++l) {
        if (how[l].visible && how[l].lit == lit) draw_link(l, how[l]);
      }
    }
  }

  void draw_link(std::uint32_t number, const look_of_link& how) {
    const auto& g = graph();
    const auto& l = g.links[number];
    const auto& from = frame_.columns[l.column];
    const auto& to = frame_.columns[l.column + 1];
    auto pattern = dash::solid;
    auto width = p_.stroke() * 1.2F;
    if (how.waits) pattern = dash::dashed;
    if (l.nesting) {
      pattern = dash::dotted;
      width = p_.stroke();
    }
    if (how.lit) width = p_.stroke() * 3;
    const auto ink = how.lit ? p_.colors().text : p_.colors().outline;
    const item_id id{kind::edge, part::bar, number, 0};
    auto nth = id;
    const auto draw = [&](point a, point b) {
      p_.draw_line(nth, a, b, ink, width, pattern);
      ++nth.nth;
    };
    // Through the column, if it only passes.
    point begin{l.from_node == none ? from.x : box_of(g.nodes[l.from_node]).right(),
                y_of(l.column, l.from_y)};
    const point edge{from.x + from.width, begin.y};
    if (edge.x - begin.x > 1) draw(begin, edge);
    const auto head = std::min(p_.units(1.4F), p_.line_height(frame_.text) * 0.6F);
    point end{l.to_node == none ? to.x : std::round(to.x) - head * 0.8F,
              y_of(l.column + 1, l.to_y)};
    if (from.band == to.band) {
      draw(edge, end);
    } else {
      // It leaves at the right, and comes back at the left of the next band.
      draw(edge, {frame_.right, edge.y});
      draw({frame_.left, y_of(l.column + 1, l.from_y)}, end);
    }
    if (l.to_node == none) return;
    p_.arrow_head({kind::edge, part::mark, number, 0},
                  {std::round(to.x) - head, end.y - head / 2, head, head}, true, ink);
  }

  // ---- Nodes.

  [[nodiscard]] static std::string times_of(const graph_layout::node& n) {
    return " ×" + grouped(n.size);
  }
  [[nodiscard]] float room_for_name(const graph_layout::node& n, float width) const {
    const auto text = frame_.text;
    const auto pad = text * 0.4F;
    if (is_group(graph(), n)) return width - 2 * pad - p_.width_of(times_of(n), text);
    const auto digits = p_.width_of(number_of(n.first), text, typeface::bold) + 1;
    return width - 2 * pad - digits - text * 1.2F;
  }

  // Of each column by all that it will have, so that no name changes while time goes on.
  void cut_names() {
    std::vector<std::vector<painter::name_in_room>> named(graph().columns);
    for (const auto& n : graph().nodes) {
      const bool group = is_group(graph(), n);
      if (!group && m_.of.tasks()[n.first].text == 0) continue;
      const std::string_view name = group ? std::string_view(n.name) : m_.of.name_of(n.first);
      named[n.column].push_back({name, room_for_name(n, box_of(n).width)});
    }
    for (const auto& column : named) cuts_.push_back(p_.cut_for(column, frame_.text));
  }

  void draw_node(std::uint32_t number) {
    const auto& n = graph().nodes[number];
    const auto at = box_of(n);
    if (is_group(graph(), n)) {
      draw_group(number, at);
    } else {
      draw_task(number, at);
    }
    if (lit_nodes_[number]) {
      const auto by = p_.stroke() * 1.5F;
      const rect around{at.x - by, at.y - by, at.width + 2 * by, at.height + 2 * by};
      const bool selected = m_.what.selected < m_.of.tasks().size() &&
                            all_.node_of(level_, m_.what.selected) == number;
      p_.outline({kind::task, part::stripe, n.first, 0}, around,
                 selected ? p_.colors().playhead : p_.colors().text, p_.stroke() * 2.5F,
                 dash::solid, is_group(graph(), n) ? 0 : at.height * 0.2F + by);
    }
  }

  void draw_task(std::uint32_t number, const rect& at) {
    const auto& n = graph().nodes[number];
    const auto t = n.first;
    const auto its = counts(number);
    const auto l =
        static_cast<look>(std::ranges::find_if(its, [](auto c) { return c != 0; }) - its.begin());
    const auto& s = p_.colors().of(l);
    const auto text = frame_.text;
    p_.state_box({kind::task, part::token, t, 0}, at, l, at.height * 0.2F);
    const auto digits = number_of(t);
    const auto wide = p_.width_of(digits, text, typeface::bold);
    const auto pad = text * 0.4F;
    const rect number_at{at.x + pad, at.y, wide + 1, at.height};
    const rect sign_at{number_at.right(), at.y, text, at.height};
    const auto named = room_for_name(n, at.width);
    const auto name = m_.of.tasks()[t].text == 0
                          ? std::string()
                          : p_.brief(m_.of.name_of(t), text, named, cuts_[n.column]);
    const bool has_name = !name.empty();
    if (s.hatched) {
      const auto until = has_name ? at.right() - pad / 2 : sign_at.right();
      p_.fill({kind::task, part::mark, t, 0},
              {at.x + pad / 2, at.y + at.height * 0.1F, until - at.x - pad / 2, at.height * 0.8F},
              s.fill);
    }
    p_.write({kind::task, part::number, t, 0}, number_at, digits, text, s.ink, align::left,
             typeface::bold);
    p_.write({kind::task, part::state, t, 0}, sign_at, s.sign,
             std::max(text * 0.9F, p_.units(2.2F)), s.ink, align::center);
    if (has_name) {
      p_.write({kind::task, part::name, t, 0},
               {sign_at.right() + text * 0.2F, at.y, named, at.height}, name, text, s.ink);
    }
    p_.meet({kind::task, part::token, t, 0}, at,
            called(t) + " " + std::string(m_.of.name_of(t)) + ": " + std::string(s.word));
  }

  // A name above, below how many of its tasks are doing what.
  void draw_group(std::uint32_t number, const rect& at) {
    const auto& n = graph().nodes[number];
    const auto text = frame_.text;
    const item_id id{kind::group, part::frame, number, 0};
    const auto of = [&](part which, std::uint32_t nth = 0) {
      return item_id{kind::group, which, number, nth};
    };
    p_.fill(id, at, p_.colors().panel);
    const auto half = std::round(at.height / 2);
    const auto pad = text * 0.4F;
    const auto name = p_.brief(n.name, text, room_for_name(n, at.width), cuts_[n.column]);
    p_.write(of(part::name), {at.x + pad, at.y, at.width - 2 * pad, half}, name + times_of(n), text,
             p_.colors().text);
    std::string tip = label_of(n) + ": ";
    auto x = at.x;
    const auto its = counts(number);
    std::uint64_t before = 0;
    bool first = true;
    // In the order of a task's life, what has ended first.
    for (const auto l : {look::done, look::failed, look::cancelled, look::running, look::on_device,
                         look::copying, look::suspended, look::retry_wait, look::waiting_tags,
                         look::queued, look::waiting_inputs, look::unknown}) {
      const auto count = its[static_cast<std::size_t>(l)];
      if (count == 0) continue;
      before += count;
      const auto& s = p_.colors().of(l);
      if (!first) tip += ", ";
      first = false;
      tip += grouped(count) + " " + std::string(s.word);
      // Whole pixels, each at least to be seen.
      auto right =
          std::round(at.x + at.width * static_cast<float>(before) / static_cast<float>(n.size));
      right = std::min(std::max(right, x + 3), at.right());
      const rect piece{x, at.y + half, right - x, at.height - half};
      x = right;
      if (piece.width < 1) continue;
      const auto which = static_cast<std::uint32_t>(l);
      p_.state_box(of(part::bar, which), piece, l, 0);
      const auto sign = std::string(s.sign);
      for (const auto& words : {sign + " " + grouped(count), grouped(count), sign}) {
        const auto w = p_.width_of(words, text) + pad * 0.6F;
        if (w > piece.width) continue;
        const rect plate{piece.x + (piece.width - w) / 2, piece.y + piece.height * 0.1F, w,
                         piece.height * 0.8F};
        if (s.hatched) p_.fill(of(part::mark, which), plate, s.fill);
        p_.write(of(part::value, which), plate, words, text, s.ink, align::center);
        break;
      }
    }
    p_.outline(of(part::frame, 1), at, p_.colors().outline, p_.stroke());
    if (before < n.size) tip += ", " + grouped(n.size - before) + " not submitted yet";
    p_.meet(id, at, std::move(tip));
  }

  painter& p_;
  const moment_in_view& m_;
  const graph_layouts& all_;
  std::size_t level_ = 0;
  frame frame_;
  std::vector<std::uint32_t> counts_;
  std::vector<painter::name_cut> cuts_;  // by column
  std::vector<bool> lit_nodes_;
  std::vector<bool> lit_edges_;
  std::string lit_words_;
};

}  // namespace

void draw_graph(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("graph", at);
  const auto& all = graph_layouts_of(m.of);
  if (all.count() == 0) {
    p.write({kind::edge, part::reason, 0, 0}, at,
            m.of.events().empty() ? "The trace is empty: there are no tasks."
                                  : "No task was submitted while this was recorded.",
            p.units(2.6F), p.colors().text, align::center);
    return;
  }
  if (m.of.completed_at(m.at) == 0 &&
      m.of.counts_at(m.at) == std::vector<std::uint32_t>(task_states)) {
    p.write({kind::edge, part::reason, 0, 0}, at, so_far(m, "No task has been submitted"),
            p.units(2.6F), p.colors().text, align::center);
    return;
  }
  graph_picture(p, m, all).draw(at);
}

}  // namespace fronta::viz

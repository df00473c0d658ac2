// SPDX-License-Identifier: Apache-2.0
#include "code_panel.hpp"

#include "summaries.hpp"
#include "task_locations.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr std::size_t most_columns = 60;    // that a room reads
constexpr std::size_t fewest_columns = 28;  // before letters get smaller
constexpr std::size_t most_pieces = 6;      // of one line

std::size_t indent_of(std::string_view line) noexcept {
  return std::min(line.find_first_not_of(' '), line.size());
}
bool is_blank(std::string_view line) noexcept { return indent_of(line) == line.size(); }
std::string_view trimmed(std::string_view line) noexcept {
  const auto end = line.find_last_not_of(' ');
  return end == std::string_view::npos ? std::string_view()
                                       : line.substr(indent_of(line), end + 1 - indent_of(line));
}

bool begins_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }
std::size_t characters_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}
// How many bytes the first so many characters have.
std::size_t bytes_of(std::string_view text, std::size_t characters) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (begins_character(text[at]) && characters-- == 0) break;
  }
  return at;
}

bool is_comment(std::string_view text) noexcept {
  return text.starts_with("//") || text.starts_with("/*") || text.starts_with("* ") ||
         text == "*" || text.starts_with("*/");
}

// Whether a function begins there: a name with arguments and then a brace, on one line or several.
bool is_head(std::span<const std::string> lines, std::size_t first) {
  const auto begin = trimmed(lines[first]);
  constexpr std::array<std::string_view, 10> others{"if", "for", "while",  "switch", "else",
                                                    "do", "try", "return", "catch",  "case"};
  const auto word = begin.substr(0, begin.find_first_of(" ({"));
  if (begin.empty() || is_comment(begin) || begin.starts_with('}') || begin.starts_with('{') ||
      begin.starts_with('#') || std::ranges::find(others, word) != others.end()) {
    return false;
  }
  constexpr std::size_t longest = 12;
  bool arguments = false;
  for (auto i = first; i < std::min(lines.size(), first + longest); ++i) {
    const auto text = trimmed(lines[i]);
    // A body of a lambda is within another's.
    const auto bracket = text.find('[');
    if (bracket != std::string_view::npos && bracket < text.find('(')) return false;
    arguments = arguments || text.find('(') != std::string_view::npos;
    if (text.ends_with('{')) return arguments;
    if (text.ends_with(';') || text.ends_with('}')) return false;
  }
  return false;
}

}  // namespace

std::optional<lit_line> lit_at(const moment_in_view& m) {
  const auto& of = m.of;
  const auto& places = of.whole().locations_of(of);
  const auto last = of.last_event(m.at);
  const auto event = places.last_told(of, last);
  if (event == none) return std::nullopt;
  const auto t = of.events()[event].task;
  const auto place = places.of(of, t);
  if (!place) return std::nullopt;
  // What has a sentence and is newer is of a task whose place is not told, or of none.
  constexpr std::uint32_t far = 200;
  bool newest = true;
  for (auto e = last; e > event && newest; --e)
    newest = last - e < far && (of.events()[e].task == no_task || narrate(of, e).empty());
  return lit_line{t, place->file, place->line, newest};
}

line_range function_around(std::span<const std::string> lines, std::size_t line) {
  if (line >= lines.size()) return {lines.size(), lines.size(), lines.size()};
  constexpr std::size_t reach = 400;
  auto level = is_blank(lines[line]) ? std::string_view::npos : indent_of(lines[line]);
  auto head = line;
  for (std::size_t up = 1; up <= std::min(line, reach) && level > 0; ++up) {
    const auto i = line - up;
    if (is_blank(lines[i]) || indent_of(lines[i]) >= level) continue;
    level = indent_of(lines[i]);
    if (!is_head(lines, i)) continue;
    head = i;
    break;
  }
  if (head == line) return {line, line + 1, line};
  line_range found{head, line + 1, head};
  while (found.begin > 0) {
    const auto above = trimmed(lines[found.begin - 1]);
    if (!is_comment(above) && !above.starts_with("template") && !above.starts_with("[[")) break;
    --found.begin;
  }
  for (auto i = line + 1; i < std::min(lines.size(), line + reach); ++i) {
    if (is_blank(lines[i]) || indent_of(lines[i]) > level) continue;
    // Where no brace closes it, it ends before whatever is as little indented.
    found.end = trimmed(lines[i]).starts_with('}') ? i + 1 : i;
    break;
  }
  while (found.end > line + 1 && is_blank(lines[found.end - 1])) --found.end;
  return found;
}

std::vector<code_piece> broken(std::string_view line, std::size_t columns) {
  std::vector<code_piece> pieces;
  const auto text = trimmed(line);
  auto indent = std::min(indent_of(line), columns / 2);
  auto rest = text;
  while (characters_of(rest) > columns - indent && pieces.size() + 1 < most_pieces) {
    const auto fits = bytes_of(rest, columns - indent);
    auto end = rest.rfind(' ', fits);
    const auto too_short = [&](std::size_t at) {
      return at == std::string_view::npos ||
             characters_of(rest.substr(0, at)) < (columns - indent) / 2;
    };
    // A word that is longer than half a line is broken itself, behind a sign if there is one.
    if (too_short(end)) end = rest.find_last_of("(,;:.>", fits - 1) + 1;
    if (too_short(end)) end = fits;
    pieces.push_back({indent, trimmed(rest.substr(0, end))});
    rest = trimmed(rest.substr(end));
    if (pieces.size() == 1) indent = std::min(indent + 4, columns / 2);
  }
  pieces.push_back({indent, rest});
  return pieces;
}

namespace {

// What the panel has to show: lines, or one sentence why there are none.
struct shown_code {
  std::optional<lit_line> lit;
  const source_files::file* file = nullptr;
  std::string missing;

  [[nodiscard]] std::span<const std::string> lines() const { return file->lines; }
  [[nodiscard]] std::size_t line() const { return lit->line - std::size_t{1}; }
};

shown_code code_at(const moment_in_view& m) {
  shown_code shown;
  shown.lit = lit_at(m);
  if (!shown.lit) {
    if (m.of.whole().locations_of(m.of).files().empty()) {
      shown.missing =
          "The trace does not tell where tasks were submitted. It does for options in braces: "
          "submit({.name = \"…\"}, f).";
    } else {
      shown.missing = so_far(m, "Nothing has happened of a task whose place is told");
    }
    return shown;
  }
  const auto name = inner_path(shown.lit->file);
  if (m.what.sources != nullptr) shown.file = m.what.sources->find(shown.lit->file);
  if (shown.file == nullptr) {
    shown.missing = name + " was not read.";
  } else if (!shown.file->missing.empty()) {
    shown.missing = shown.file->missing;
  } else if (shown.line() >= shown.lines().size()) {
    shown.missing = name + " has ";
    shown.missing += grouped(shown.lines().size());
    shown.missing += " lines, and ";
    shown.missing += called(shown.lit->task);
    shown.missing += " was submitted in line ";
    shown.missing += grouped(shown.lit->line);
    shown.missing += ": it is another version.";
  }
  return shown;
}

std::string headline_of(const painter& p, const shown_code& shown, float size, float width) {
  std::string words = "CODE";
  if (!shown.lit) return words;
  words += " · ";
  auto place = inner_path(shown.lit->file);
  place += ':';
  place += std::to_string(shown.lit->line);
  const auto left = width - p.width_of(words, size, typeface::bold);
  return words + p.fit_end(place, size, left, typeface::bold);
}

// Nobody is to take it for what runs there.
std::string what_is_lit(const moment_in_view& m, const shown_code& shown) {
  const auto t = shown.lit->task;
  std::string words = shown.lit->newest ? "Here " : "Of what is known, the newest: here ";
  words += called(t);
  if (m.of.tasks()[t].text != 0) {
    words += " \"";
    words += m.of.name_of(t);
    words += '"';
  }
  return words += " was submitted.";
}

class code_painter {
 public:
  code_painter(painter& p, const shown_code& shown, const rect& at)
      : p_(p), shown_(shown), at_(at), y_(at.y) {
    auto most = std::size_t{1};
    for (auto n = shown.lines().size(); n >= 10; n /= 10) ++most;
    digits_ = std::max<std::size_t>(most, 2);
  }

  // The whole function, as large as it can be; of one that is too long the part with the line.
  void draw_function() {
    auto range = function_around(shown_.lines(), shown_.line());
    const bool headed = range.head < shown_.line();
    struct fitting {
      float size;
      bool breaks;  // lines of it may be
    };
    for (const auto& [size, breaks] :
         {fitting{4.2F, false}, {3.7F, false}, {3.7F, true}, {3.3F, true}, {3.0F, true}}) {
      set_size(p_.units(size));
      if (!headed || columns_ < fewest_columns) continue;
      dedent_to(range.begin, range.end);
      const auto pieces = pieces_in(range.begin, range.end);
      if (pieces > rows_ || (!breaks && pieces > range.end - range.begin)) continue;
      draw(range.begin, range.end);
      return;
    }
    if (!headed) range = {0, shown_.lines().size(), 0};
    // Where not all of it has room, letters that break few of the lines around.
    constexpr std::size_t before = 4;
    constexpr std::size_t behind = 8;
    const auto near = std::max(range.begin, shown_.line() - std::min(shown_.line(), before));
    const auto far = std::min(range.end, shown_.line() + behind);
    for (const auto size : {3.7F, 3.3F, 3.0F, 2.6F, 2.2F}) {
      set_size(p_.units(size));
      dedent_to(near, far);
      dedent_ = std::min(dedent_, indent_of(shown_.lines()[range.head]));
      if (columns_ >= fewest_columns && (size <= 3.0F || pieces_in(near, far) == far - near)) break;
    }
    const auto above = rows_ * 2 / 5;
    auto first = shown_.line();
    std::size_t used = 0;
    while (first > range.head) {
      used += pieces_of(first - 1).size();
      if (used > above) break;
      --first;
    }
    // Its head stays in sight.
    if (headed && first > range.head + 1 && rows_ > 6) {
      draw_line(range.head, 1);
      draw_gap();
    } else if (headed && first == range.head + 1) {
      first = range.head;
    }
    draw(first, range.end);
  }

  // One row each, the line in the middle.
  void draw_neighbours(float largest, float least) {
    const auto lit = shown_.line();
    const auto first = lit == 0 ? 0 : lit - 1;
    const auto end = std::min(lit + 2, shown_.lines().size());
    auto size = largest;
    set_size(size);
    dedent_to(first, end);
    while (pieces_in(first, end) != end - first && size > least) {
      size = std::max(size * 0.94F, least);
      set_size(size);
    }
    row_ = at_.height / 3;
    y_ = at_.y + (lit == 0 ? row_ : 0);
    for (auto i = first; i < end; ++i) draw_line(i, 1);
  }

 private:
  void set_size(float size) {
    size_ = size;
    row_ = p_.line_height(size) * 1.12F;
    rows_ = static_cast<std::size_t>(std::max(1.0F, std::floor(at_.height / row_)));
    advance_ = p_.width_of("0", size, typeface::mono);
    const auto width = at_.width - code_left();
    columns_ = std::min(most_columns,
                        static_cast<std::size_t>(std::max(1.0F, std::floor(width / advance_))));
  }
  // An arrow, the number, and a space.
  [[nodiscard]] float code_left() const { return advance_ * (static_cast<float>(digits_) + 3.0F); }

  void dedent_to(std::size_t first, std::size_t end) {
    dedent_ = std::string_view::npos;
    for (auto i = first; i < end; ++i) {
      if (!is_blank(shown_.lines()[i])) dedent_ = std::min(dedent_, indent_of(shown_.lines()[i]));
    }
    if (dedent_ == std::string_view::npos) dedent_ = 0;
  }

  [[nodiscard]] std::vector<code_piece> pieces_of(std::size_t line) const {
    std::string_view text = shown_.lines()[line];
    text.remove_prefix(std::min(dedent_, indent_of(text)));
    return broken(text, columns_);
  }
  [[nodiscard]] std::size_t pieces_in(std::size_t first, std::size_t end) const {
    std::size_t sum = 0;
    for (auto i = first; i < end && sum <= 1'000; ++i) sum += pieces_of(i).size();
    return sum;
  }

  // As many as there is room for.
  void draw(std::size_t first, std::size_t end) {
    for (auto i = first; i < end; ++i) {
      const auto left = std::floor((at_.bottom() - y_) / row_ + 0.01F);
      if (left < 1) return;
      draw_line(i, static_cast<std::size_t>(left));
    }
  }

  void draw_gap() {
    p_.write({kind::code, part::more, 0, 0}, {at_.x + code_left(), y_, advance_ * 3, row_}, "⋯",
             size_, p_.colors().text, align::left, typeface::mono);
    y_ += row_;
  }

  void draw_line(std::size_t line, std::size_t most) {
    const auto number = static_cast<std::uint32_t>(line + 1);
    const bool lit = line == shown_.line();
    auto pieces = pieces_of(line);
    // The rest of what is cut off goes behind the last, for an ellipsis.
    if (pieces.size() > most) {
      const std::string_view whole = trimmed(shown_.lines()[line]);
      pieces.resize(most);
      auto& last = pieces.back().text;
      last = whole.substr(static_cast<std::size_t>(last.begin() - whole.begin()));
    }
    const auto height = row_ * static_cast<float>(pieces.size());
    auto ink = p_.colors().text;
    if (lit) {
      const rect band{at_.x, y_, at_.width, height};
      p_.fill({kind::code, part::bar, number, 0}, band, ink, row_ * 0.12F);
      ink = p_.colors().page;
      const auto side = std::min(row_ * 0.5F, advance_ * 0.9F);
      p_.arrow_head({kind::code, part::mark, number, 0},
                    {at_.x + advance_ * 0.35F, y_ + (row_ - side) / 2, side, side}, true, ink);
    }
    const auto digits = static_cast<float>(digits_) * advance_;
    p_.write({kind::code, part::value, number, 0},
             {at_.x + advance_ * 1.8F, y_, digits + 0.5F, row_}, std::to_string(number), size_, ink,
             align::right, typeface::mono);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto left = at_.x + code_left() + static_cast<float>(pieces[i].indent) * advance_;
      p_.write({kind::code, part::name, number, static_cast<std::uint32_t>(i)},
               {left, y_, at_.right() - left, row_}, pieces[i].text, size_, ink, align::left,
               typeface::mono);
      y_ += row_;
    }
  }

  painter& p_;
  const shown_code& shown_;
  rect at_;
  float y_;
  float size_ = 0;
  float row_ = 1;
  float advance_ = 1;
  std::size_t rows_ = 1;
  std::size_t columns_ = 1;
  std::size_t digits_ = 2;
  std::size_t dedent_ = 0;
};

}  // namespace

void draw_code(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("code", at);
  const auto shown = code_at(m);
  const auto pad = p.units(1);
  const auto small = p.units(2.6F);
  auto room = below_headline(p, at, headline_of(p, shown, small, at.width - pad), 4);
  if (!shown.missing.empty()) {
    p.write_lines({kind::code, part::reason, 0, 0}, room, shown.missing, p.units(3),
                  p.colors().text);
    return;
  }
  auto words = what_is_lit(m, shown);
  if (!shown.file->doubt.empty()) words += ' ' + shown.file->doubt;
  const auto lines = std::min(p.lines_of(words, small, room.width), 3.0F);
  const auto foot = lines * p.line_height(small);
  p.fill({kind::code, part::frame, 0, 0},
         {room.x, room.y, room.width, room.height - foot - pad / 2}, p.colors().panel);
  code_painter(
      p, shown,
      {room.x + pad / 2, room.y + pad / 2, room.width - pad, room.height - foot - 1.5F * pad})
      .draw_function();
  p.write_lines({kind::code, part::reason, 0, 1}, {room.x, room.bottom() - foot, room.width, foot},
                words, small, p.colors().text);
}

namespace {

struct strip_sizes {
  float code = 0;
  float words = 0;
};

// Large text gives way, down to what is read from near.
strip_sizes sizes_of_strip(const painter& p, const rect& body) {
  const auto height = [&](const strip_sizes& s) {
    return 3 * p.line_height(s.code) * 1.12F + p.line_height(s.words) * 1.2F;
  };
  strip_sizes s{p.units(3.7F), p.units(2.6F)};
  const auto least = p.height() * 0.022F * std::min(1.0F, p.text_size());
  while (height(s) > body.height * 0.24F && s.code > least) {
    s.code = std::max(s.code * 0.94F, least);
    s.words = std::max(s.words * 0.94F, least);
  }
  return s;
}

}  // namespace

float draw_code_strip(painter& p, const moment_in_view& m, const rect& body) {
  const auto s = sizes_of_strip(p, body);
  const auto words_height = p.line_height(s.words) * 1.2F;
  const auto code_height = 3 * p.line_height(s.code) * 1.12F;
  const rect at{body.x, body.y, body.width, words_height + code_height};
  p.begin_pane("code", at);
  const auto shown = code_at(m);
  const rect first{at.x, at.y, at.width, words_height};
  const rect room{at.x, at.y + words_height, at.width, code_height};
  const auto gap = p.units(2);
  const auto headline = headline_of(p, shown, s.words, at.width * 0.45F);
  const auto wide = p.width_of(headline, s.words, typeface::bold) + 1;
  p.write({kind::page, part::name, 4, 0}, {first.x, first.y, wide, first.height}, headline, s.words,
          p.colors().text, align::left, typeface::bold);
  if (!shown.missing.empty()) {
    p.write_lines({kind::code, part::reason, 0, 0}, room, shown.missing, s.words, p.colors().text);
    return at.height;
  }
  // What makes the line doubtful is never cut off.
  const rect beside{first.x + wide + gap, first.y, first.width - wide - gap, first.height};
  const auto& doubt = shown.file->doubt;
  const auto for_doubt = doubt.empty() ? 0 : std::min(p.width_of(doubt, s.words) + 1, beside.width);
  const auto for_words = beside.width - for_doubt - (doubt.empty() ? 0 : gap);
  if (for_words > p.units(20)) {
    p.write({kind::code, part::reason, 0, 1}, {beside.x, beside.y, for_words, beside.height},
            what_is_lit(m, shown), s.words, p.colors().text);
  }
  if (!doubt.empty()) {
    p.write({kind::code, part::reason, 0, 2},
            {beside.right() - for_doubt, beside.y, for_doubt, beside.height}, doubt, s.words,
            p.colors().text, align::right);
  }
  p.fill({kind::code, part::frame, 0, 0}, room, p.colors().panel);
  code_painter(p, shown, room).draw_neighbours(s.code, std::min(s.code, p.units(2.6F)));
  return at.height;
}

}  // namespace fronta::viz

// SPDX-License-Identifier: Apache-2.0
#include "baker.hpp"

#include "unicode.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <variant>

namespace fronta::viz::detail {
namespace {

/// Numbers between brackets.
class row {
 public:
  row& operator<<(std::int64_t number) {
    text_ += text_.empty() ? '[' : ',';
    text_ += std::to_string(number);
    return *this;
  }
  row& operator<<(std::size_t number) { return *this << static_cast<std::int64_t>(number); }
  row& operator<<(int number) { return *this << std::int64_t{number}; }
  row& operator<<(float length) {
    return *this << static_cast<std::int64_t>(std::lround(static_cast<double>(length) * 10));
  }
  row& operator<<(point p) { return *this << p.x << p.y; }
  row& operator<<(const rect& r) { return *this << r.x << r.y << r.width << r.height; }
  [[nodiscard]] std::string text() const { return text_ + ']'; }

 private:
  std::string text_;
};

std::string hex(color c) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", unsigned{c.red}, unsigned{c.green},
                unsigned{c.blue});
  return text.data();
}

std::string all(const std::vector<std::string>& rows) {
  std::string text = "[";
  for (const auto& r : rows) {
    if (text.size() > 1) text += ',';
    text += r;
  }
  return text + ']';
}

// "</script>" would end the element that it stands in.
std::string words(const string_table& t) {
  std::string text;
  for (const char c : nlohmann::json(t.strings()).dump()) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::size_t string_table::number_of(std::string text) {
  const auto [at, fresh] = numbers_.try_emplace(std::move(text), strings_.size());
  if (fresh) strings_.push_back(at->first);
  return at->second;
}

std::size_t baker::color_number(color c) { return colors_.number_of(hex(c)); }

std::size_t baker::pane_number(const pane& p) {
  return panes_.number_of((row() << texts_.number_of(printable(p.name)) << p.at).text());
}

void baker::add(const scene& s, std::string_view time, std::string_view narration) {
  size_ = (row() << s.width << s.height).text();
  background_ = std::to_string(color_number(s.background));
  title_ = std::to_string(texts_.number_of(printable(s.title)));
  const auto known = primitives_.size();
  const auto next = primitives_of(s);
  if (!beats_.empty()) beats_ += ",\n";
  row head;
  for (const auto words : {time, narration, std::string_view(s.description)}) {
    head << texts_.number_of(printable(words));
  }
  beats_ += head.text();
  beats_.pop_back();  // the bracket
  add_changes(next, known);
  beats_ += ']';
  last_ = next;
}

baker::list baker::primitives_of(const scene& s) {
  // What is of the shape, and what of its look.
  struct parts {
    char kind;
    row look;
    row form;
  };
  list result;
  result.reserve(s.primitives.size());
  std::vector<std::size_t> panes;
  panes.reserve(s.panes.size());
  for (const auto& p : s.panes) panes.push_back(pane_number(p));
  std::unordered_map<std::string, int> seen;
  for (const auto& p : s.primitives) {
    static constexpr std::array kinds{'b', 'l', 'c', 'p', 't'};
    static_assert(kinds.size() == std::variant_size_v<shape>);
    auto key = to_string(p.id) + ':' + kinds[p.what.index()];
    if (const auto times = ++seen[key]; times > 1) key += '~' + std::to_string(times);
    row look;
    row form;
    look << panes[p.pane] << p.what.index();
    const auto optional = [&](const std::optional<color>& c) {
      return c ? static_cast<std::int64_t>(color_number(*c)) : -1;
    };
    struct {
      baker& to;
      row& look;
      row& form;
      decltype(optional)& optional_color;
      void operator()(const box& b) const {
        look << optional_color(b.fill) << optional_color(b.stroke) << b.stroke_width << b.radius
             << static_cast<int>(b.pattern);
        form << b.at;
      }
      void operator()(const line& l) const {
        look << to.color_number(l.ink) << l.width << static_cast<int>(l.pattern);
        form << l.from << l.to;
      }
      void operator()(const curve& c) const {
        look << to.color_number(c.ink) << c.width;
        form << c.from << c.control_from << c.control_to << c.to;
      }
      void operator()(const polygon& g) const {
        look << to.color_number(g.fill);
        for (const auto& corner : g.corners) form << corner;
      }
      void operator()(const label& l) const {
        look << to.color_number(l.ink) << l.size << static_cast<int>(l.face);
        form << l.baseline << l.width << to.texts_.number_of(printable(l.text));
      }
    } const write{*this, look, form, optional};
    std::visit(write, p.what);
    const auto head =
        (row() << keys_.number_of(std::move(key)) << styles_.number_of(look.text())).text();
    auto numbers = form.text();
    if (numbers.size() > 1) numbers.front() = ',';
    result.push_back(primitives_.number_of(head.substr(0, head.size() - 1) + numbers));
  }
  return result;
}

void baker::add_changes(const list& next, std::size_t known) {
  constexpr auto absent = std::numeric_limits<std::size_t>::max();
  std::unordered_map<std::size_t, std::size_t> place_before;
  for (std::size_t i = 0; i < last_.size(); ++i) place_before[last_[i]] = i;
  const auto before = [&](std::size_t primitive) {
    const auto at = place_before.find(primitive);
    return at == place_before.end() ? absent : at->second;
  };
  std::size_t i = 0;
  std::size_t j = 0;
  std::size_t kept = 0;
  while (i < last_.size() || j < next.size()) {
    if (i < last_.size() && j < next.size() && last_[i] == next[j]) {
      ++kept;
      ++i;
      ++j;
      continue;
    }
    // What comes out of turn is taken out here, and comes in again where it stands next.
    const auto begin = i;
    std::vector<std::size_t> in;
    while (i < last_.size() || j < next.size()) {
      if (i < last_.size() && j < next.size() && last_[i] == next[j]) break;
      if (j < next.size()) {
        const auto was = before(next[j]);
        if (was == absent || was < i) {
          in.push_back(next[j] >= known ? 0 : next[j] + 1);
          ++j;
          continue;
        }
      }
      ++i;
    }
    for (const auto number : {kept, i - begin, in.size()}) beats_ += ',' + std::to_string(number);
    for (const auto number : in) beats_ += ',' + std::to_string(number);
    kept = 0;
  }
}

std::string baker::json() const {
  return "{\"size\":" + size_ + ",\"background\":" + background_ + ",\"title\":" + title_ +
         ",\n\"colors\":" + words(colors_) + ",\n\"texts\":" + words(texts_) +
         ",\n\"keys\":" + words(keys_) + ",\n\"panes\":" + all(panes_.strings()) +
         ",\n\"styles\":" + all(styles_.strings()) +
         ",\n\"primitives\":" + all(primitives_.strings()) + ",\n\"beats\":[" + beats_ + "]}";
}

}  // namespace fronta::viz::detail

// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/glide.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

using kind = item_id::kind;
using part = item_id::part;

// Eyes follow a few.
constexpr std::size_t most = 8;
constexpr std::array<std::string_view, 3> panes{"queues", "workers", "completed"};

// All that a token consists of, one behind the other in a scene.
struct token {
  task_number task = no_task;
  std::size_t first = 0;
  std::size_t end = 0;
  rect at;
};

bool is_of_token(const scene& s, const primitive& p) {
  if (p.id.what != kind::task) return false;
  constexpr std::array parts{part::token, part::number, part::mark, part::hatch, part::stripe};
  return std::ranges::find(parts, p.id.which) != parts.end() &&
         std::ranges::find(panes, s.panes[p.pane].name) != panes.end();
}

std::vector<token> tokens_of(const scene& s) {
  std::vector<token> found;
  for (std::size_t i = 0; i < s.primitives.size();) {
    const auto& p = s.primitives[i];
    const auto* b = std::get_if<box>(&p.what);
    if (!is_of_token(s, p) || p.id.which != part::token || b == nullptr) {
      ++i;
      continue;
    }
    token t{p.id.number, i, i, b->at};
    while (i < s.primitives.size() && s.primitives[i].id.number == t.task &&
           is_of_token(s, s.primitives[i])) {
      ++i;
    }
    t.end = i;
    found.push_back(t);
  }
  return found;
}

struct shifted {
  float x;
  float y;

  [[nodiscard]] point moved(point p) const noexcept { return {p.x + x, p.y + y}; }
  void operator()(box& b) const {
    b.at.x += x;
    b.at.y += y;
  }
  void operator()(line& l) const {
    l.from = moved(l.from);
    l.to = moved(l.to);
  }
  void operator()(curve& c) const {
    c.from = moved(c.from);
    c.control_from = moved(c.control_from);
    c.control_to = moved(c.control_to);
    c.to = moved(c.to);
  }
  void operator()(polygon& p) const {
    for (auto& corner : p.corners) corner = moved(corner);
  }
  // On whole pixels, as all text.
  void operator()(label& l) const {
    l.baseline = moved(l.baseline);
    l.baseline.x = std::round(l.baseline.x);
    l.baseline.y = std::round(l.baseline.y);
  }
};

// Slow at both ends.
float eased(double share) {
  const auto s = std::clamp(share, 0.0, 1.0);
  return static_cast<float>(s * s * (3 - 2 * s));
}

// Where the token was: of several of one task the first that is gone.
const token* before_of(const token& now, const std::vector<token>& all,
                       const std::vector<token>& others) {
  for (const auto& t : all) {
    if (t.task != now.task || t.at == now.at) continue;
    const bool stays = std::ranges::any_of(
        others, [&](const token& o) { return o.task == t.task && o.at == t.at; });
    if (!stays) return &t;
  }
  return nullptr;
}

rect around(const scene& s) {
  rect all{s.width, s.height, 0, 0};
  float right = 0;
  float bottom = 0;
  for (const auto& p : s.panes) {
    if (std::ranges::find(panes, p.name) == panes.end()) continue;
    all.x = std::min(all.x, p.at.x);
    all.y = std::min(all.y, p.at.y);
    right = std::max(right, p.at.right());
    bottom = std::max(bottom, p.at.bottom());
  }
  return {all.x, all.y, right - all.x, bottom - all.y};
}

}  // namespace

scene glided(const scene& before, scene now, const std::function<double(task_number)>& share) {
  struct way {
    token what;
    shifted by;
  };
  const auto were = tokens_of(before);
  const auto are = tokens_of(now);
  std::vector<way> ways;
  for (const auto& t : are) {
    const auto* was = before_of(t, were, are);
    const bool stays =
        std::ranges::any_of(were, [&](const token& o) { return o.task == t.task && o.at == t.at; });
    if (was == nullptr || stays) continue;
    const auto left = 1 - eased(share(t.task));
    if (left <= 0) continue;
    ways.push_back({t, {(was->at.x - t.at.x) * left, (was->at.y - t.at.y) * left}});
    if (ways.size() > most) return now;
  }
  if (ways.empty()) return now;
  // Above all that stays, and from pane to pane.
  const auto above = static_cast<std::uint16_t>(now.panes.size());
  now.panes.push_back({"gliding", around(now)});
  std::vector<primitive> moving;
  std::vector<primitive> staying;
  staying.reserve(now.primitives.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < now.primitives.size(); ++i) {
    while (next < ways.size() && i >= ways[next].what.end) ++next;
    if (next == ways.size() || i < ways[next].what.first) {
      staying.push_back(std::move(now.primitives[i]));
      continue;
    }
    auto& p = now.primitives[i];
    p.pane = above;
    std::visit(ways[next].by, p.what);
    moving.push_back(std::move(p));
  }
  std::ranges::move(moving, std::back_inserter(staying));
  now.primitives = std::move(staying);
  return now;
}

scene draw_gliding(const index& of, const view& what, const glide& g, float width, float height,
                   const font_metrics& font, const theme& colors) {
  auto now = draw(of, what, width, height, font, colors);
  if (what.what != preset::stage || g.over()) return now;
  const auto at = std::clamp(what.at, of.begin(), of.end());
  auto earlier = what;
  if (!g.plays) {
    earlier.at = g.from;
    return glided(draw(of, earlier, width, height, font, colors), std::move(now),
                  [&](task_number) { return g.seconds / glide_seconds; });
  }
  const auto takes = what.dilation * glide_seconds;
  // Faster than that nothing can be followed, and slower nothing is to be seen.
  if (!(takes >= 1) || takes > 9e18) return now;
  const auto back = static_cast<std::int64_t>(takes);
  earlier.at = at - std::min(back, at - of.begin());
  return glided(draw(of, earlier, width, height, font, colors), std::move(now), [&](task_number t) {
    const auto c = of.state_of(t, at);
    // Others make room at once.
    return c ? static_cast<double>(at - of.time_of(*c)) / takes : 1;
  });
}

}  // namespace fronta::viz

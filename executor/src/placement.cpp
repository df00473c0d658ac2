// SPDX-License-Identifier: Apache-2.0
#include <fronta/placement.hpp>

#include <array>
#include <cmath>
#include <cstdio>

namespace fronta {
namespace {

using reason = placement::reason;

// At most three digits, with the unit that needs no zeros.
std::string rounded(double value, const char* unit) {
  std::array<char, 48> text{};
  const auto tenths = std::round(value * 10);
  const int decimals = tenths < 100 && std::fmod(tenths, 10) != 0 ? 1 : 0;
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, value, unit);
  return text.data();
}

std::string to_string(std::chrono::nanoseconds t) {
  const auto ns = static_cast<double>(t.count());
  if (ns < 999.5) return rounded(ns, "ns");
  if (ns < 999.5e3) return rounded(ns / 1e3, "us");
  if (ns < 999.5e6) return rounded(ns / 1e6, "ms");
  return rounded(ns / 1e9, "s");
}

std::string bytes_to_string(std::size_t count) {
  const auto bytes = static_cast<double>(count);
  if (bytes < 999.5) return rounded(bytes, "B");
  if (bytes < 999.5e3) return rounded(bytes / 1e3, "kB");
  if (bytes < 999.5e6) return rounded(bytes / 1e6, "MB");
  return rounded(bytes / 1e9, "GB");
}

const char* words_for(reason why) {
  switch (why) {
    case reason::unplaced:
      return "not placed yet";
    case reason::pool:
      return "any worker";
    case reason::tags:
      return "by tags";
    case reason::data:
      return "by data";
    case reason::cost:
      return "by cost";
    case reason::stays:
      return "stays with its data";
    case reason::exploring:
      return "exploring, since few runs are known";
    case reason::refreshing:
      return "exploring again, since its runs are old";
    case reason::no_figures:
      return "by data, since no run has ended yet";
    case reason::fell_back:
      return "fell back to the CPU body";
  }
  return "";
}

bool shows_figures(reason why) {
  return why == reason::cost || why == reason::stays || why == reason::exploring ||
         why == reason::refreshing || why == reason::no_figures;
}

std::string figures(const placement::option& o) {
  std::string text = o.run ? "est. " + to_string(*o.total()) : std::string("no run known");
  std::string parts;
  const std::string first = o.run ? " incl. " : ", ";
  const auto add = [&](const std::string& part) {
    parts += (parts.empty() ? first : " and ") + part;
  };
  if (o.missing != 0) {
    add((o.copy_known ? to_string(o.copy) : std::string("an unmeasured copy")) + " for " +
        bytes_to_string(o.missing));
  }
  if (o.ahead.count() > 0) add(to_string(o.ahead) + " behind others");
  text += parts;
  if (o.samples != 0) {
    text += " (" + std::to_string(o.samples) + (o.samples == 1 ? " run" : " runs");
    if (o.samples > 1) text += ", +-" + rounded(std::round(o.spread * 100), "%");
    text += ")";
  }
  return text;
}

}  // namespace

std::string placement::text() const {
  std::string result;
  const auto name = [](const option& o) { return o.place + (o.simulated ? " (simulated)" : ""); };
  if (!options.empty()) result += name(options.front()) + ' ';
  result += words_for(why);
  if (!failure.empty()) result += ": " + failure;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const auto& o = options[i];
    if (i != 0) result += "; " + name(o);
    if (shows_figures(why)) {
      result += ": " + figures(o);
    } else if (why == reason::data) {
      result += ": " + (o.missing != 0 ? bytes_to_string(o.missing) : std::string("nothing")) +
                " to copy";
    }
  }
  return result;
}

}  // namespace fronta

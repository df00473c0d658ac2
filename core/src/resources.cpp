// SPDX-License-Identifier: Apache-2.0
#include <fronta/resources.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace fronta {

std::int64_t amount::from_integer(long long value, bool too_large) {
  if (value < 0 && !too_large) {
    throw std::invalid_argument("amount: " + std::to_string(value) +
                                " is negative; give a value above 0, or leave the tag out");
  }
  if (too_large || static_cast<unsigned long long>(value) > max_integer) {
    throw std::invalid_argument("amount: the value is too large; give at most " +
                                std::to_string(max_integer));
  }
  return value * scale;
}

std::int64_t amount::from_double(double value) {
  if (!(value >= 0)) {
    throw std::invalid_argument("amount: " + std::to_string(value) +
                                (value < 0 ? " is negative" : " is not a number") +
                                "; give a value above 0, or leave the tag out");
  }
  if (value > static_cast<double>(max_integer)) {
    throw std::invalid_argument("amount: the value is too large; give at most " +
                                std::to_string(max_integer));
  }
  const auto units = std::llround(value * static_cast<double>(scale));
  if (units == 0 && value > 0) {
    throw std::invalid_argument("amount: " + std::to_string(value) +
                                " is below the resolution; give at least 0.0001");
  }
  return units;
}

std::string amount::to_string() const {
  // Capacity that was taken away while in use reads as negative.
  std::string text = units_ < 0 && units_ > -scale ? "-" : "";
  text += std::to_string(units_ / scale);
  if (const auto rest = std::abs(units_ % scale); rest != 0) {
    char digits[8];
    std::snprintf(digits, sizeof digits, ".%04d", static_cast<int>(rest));
    text += digits;
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

resources::resources(std::vector<entry> entries) : entries_(std::move(entries)), given_(true) {
  std::ranges::sort(entries_, {}, &entry::tag);
  const entry* before = nullptr;
  for (const auto& e : entries_) {
    if (e.tag.empty()) {
      throw std::invalid_argument("resources: a tag is empty; give each tag a name");
    }
    if (e.value == amount{}) {
      throw std::invalid_argument("resources: tag \"" + e.tag +
                                  "\" has the amount 0; leave the tag out instead");
    }
    if (before != nullptr && before->tag == e.tag) {
      throw std::invalid_argument("resources: tag \"" + e.tag +
                                  "\" is named twice; name it once with the sum");
    }
    before = &e;
  }
}

const amount* resources::find(std::string_view tag) const noexcept {
  const auto at = std::ranges::lower_bound(entries_, tag, {}, &entry::tag);
  return at != entries_.end() && at->tag == tag ? &at->value : nullptr;
}

std::string resources::to_string() const {
  std::string text = "{";
  for (const auto& e : entries_) {
    if (text.size() > 1) text += ", ";
    text += '"' + e.tag + "\": " + e.value.to_string();
  }
  return text + "}";
}

const resources& no_needs_set() {
  static const resources none(std::vector<resources::entry>{});
  return none;
}

}  // namespace fronta

// SPDX-License-Identifier: Apache-2.0
#include "short_words.hpp"

#include "summaries.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

namespace fronta::viz {
namespace {

bool begins_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

// How many bytes the first so many characters take.
std::size_t bytes_of(std::string_view word, std::size_t characters) noexcept {
  std::size_t at = 0;
  while (at < word.size() && (characters > 0 || !begins_character(word[at]))) {
    if (begins_character(word[at])) --characters;
    ++at;
  }
  return at;
}

// How many characters two words have in common from their beginning.
std::size_t in_common(std::string_view a, std::string_view b) noexcept {
  const auto [at, other] = std::ranges::mismatch(a, b);
  const auto same = static_cast<std::size_t>(at - a.begin());
  auto characters = static_cast<std::size_t>(
      std::ranges::count_if(a.substr(0, same), [](char c) { return begins_character(c); }));
  // The last may be the beginning of two different ones.
  const bool whole =
      (at == a.end() || begins_character(*at)) && (other == b.end() || begins_character(*other));
  return whole || characters == 0 ? characters : characters - 1;
}

}  // namespace

bool is_in_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

short_words::short_words(const index& of) {
  const auto& groups = of.whole().groups_of(of);
  for (std::uint32_t g = 0; g < groups.size(); ++g) add(groups.name(g));
  for (const auto& l : of.lanes()) add(l.name);
  for (const auto& q : of.queues()) add(q.name);
  sort();
}

short_words::short_words(std::span<const std::string_view> names) {
  for (const auto name : names) add(name);
  sort();
}

void short_words::add(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_in_word(name[i])) continue;
    const auto begin = i;
    while (i < name.size() && is_in_word(name[i])) ++i;
    words_.emplace_back(name.substr(begin, i - begin));
  }
}

void short_words::sort() {
  std::ranges::sort(words_);
  const auto [same, end] = std::ranges::unique(words_);
  words_.erase(same, end);
}

std::size_t short_words::kept(std::string_view word, std::size_t least) const noexcept {
  auto letters = least;
  // What has most in common with it stands beside it.
  const auto at = std::ranges::lower_bound(words_, word);
  if (at != words_.begin()) letters = std::max(letters, in_common(*std::prev(at), word) + 1);
  const auto next = at != words_.end() && *at == word ? std::next(at) : at;
  if (next != words_.end()) letters = std::max(letters, in_common(*next, word) + 1);
  const auto bytes = bytes_of(word, letters);
  // A dot is as wide as what it stands for.
  return bytes_of(word, letters + 1) == word.size() ? word.size() : bytes;
}

const short_words& summaries::words_of(const index& of) {
  return make(words_, [&] { return std::make_shared<const short_words>(of); });
}

const short_words& words_of(const index& of) { return of.whole().words_of(of); }

}  // namespace fronta::viz

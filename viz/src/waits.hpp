// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>
#include <fronta/viz/index.hpp>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// Queues that are one to whoever looks: the slots' deques of a place, and its streams, each by
/// the first of them.
[[nodiscard]] std::vector<std::uint32_t> first_of_its_kind(const index& of);
/// As people call all of a kind, such as "cpu deques".
[[nodiscard]] std::string name_of_all(const index& of, std::uint32_t queue);

/// Why a task that has not ended does not go on.
struct wait_cause {
  enum class kind : std::uint8_t { inputs, tag, no_place, queue, retry, within };
  kind what = kind::inputs;
  /// The tag's text, the queue, or the `trace::wait_reason` or `untold`.
  std::uint32_t detail = 0;
  static constexpr std::uint32_t untold = 255;

  auto operator<=>(const wait_cause&) const = default;
};

/// Of a state; nothing where the task is at work, has ended, or is not known of. A suspended one's
/// reason is what was told beside its block, a `trace::wait_reason`.
[[nodiscard]] std::optional<wait_cause> cause_of(const index& of, const change& c,
                                                 std::uint32_t told = wait_cause::untold) noexcept;
/// Such as "for the tag gpu" or "in cpu inbox".
[[nodiscard]] std::string in_words(const index& of, const wait_cause& why);

/// Of a `trace::wait_reason`: "for the end of another task", …
[[nodiscard]] std::string_view wait_in_words(std::uint32_t reason) noexcept;
/// "least is in its way there", …; empty where it is not told.
[[nodiscard]] std::string_view in_words(trace::route_reason why) noexcept;

}  // namespace fronta::viz

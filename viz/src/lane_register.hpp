// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace fronta::viz {

/// Numbers an index's lanes and queues in the order in which they are first mentioned, and names
/// them in the end, when their places' names are known.
class lane_register {
 public:
  lane_register(index& made, const trace::file_contents& from);

  std::uint32_t lane_of(lane::kind what, std::uint16_t executor, std::int32_t place,
                        std::int32_t number);
  /// `nowhere` where there are too many.
  std::uint16_t queue_of(queue::kind what, std::uint16_t executor, std::int32_t place,
                         std::int32_t number);
  void name_place(std::uint16_t executor, std::int32_t place, std::uint32_t text);
  /// The place of its workers, if there is one only; the first where there are several.
  [[nodiscard]] std::int32_t default_place(std::uint16_t executor) const;
  [[nodiscard]] std::int32_t place_of_thread(const event& e) const;

  void name_all();

 private:
  using key = std::tuple<std::uint8_t, std::uint16_t, std::int32_t, std::int32_t>;

  void find_namesakes();
  // With the executor's number before it where that is needed.
  [[nodiscard]] std::string of_executor(std::uint16_t executor, std::string name) const;
  [[nodiscard]] std::string name_of_place(std::uint16_t executor, std::int32_t place) const;
  [[nodiscard]] std::string own_name_of_place(std::uint16_t executor, std::int32_t place) const;
  [[nodiscard]] std::string name_of(const lane& l) const;
  [[nodiscard]] std::string name_of(const queue& q) const;

  index& to_;
  const trace::file_contents& from_;
  std::map<key, std::uint32_t> lanes_;
  std::map<key, std::uint32_t> queues_;
  std::map<std::uint16_t, std::int32_t> default_place_;
  std::set<std::uint16_t> namesakes_;  // executors of which a place is called as another's
  std::map<std::pair<std::uint16_t, std::int32_t>, std::uint32_t> places_;  // names, as texts
};

}  // namespace fronta::viz

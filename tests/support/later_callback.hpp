// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/future.hpp>

#include <utility>

namespace fronta::test {

/// What the second done callback of a future sees of `value` when the first has called `take` with
/// the last handle.
template <class T, class Take>
T seen_by_a_later_callback(T value, Take take) {
  promise<T> made;
  auto last = made.get_future();
  T seen{};
  last.add_done_callback([&](future<T> own) {
    own = {};
    take(std::move(last));
  });
  last.add_done_callback([&](const future<T>& done) { seen = done.get(); });
  made.set_value(std::move(value));
  return seen;
}

}  // namespace fronta::test

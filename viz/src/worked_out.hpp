// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

namespace fronta::viz {

struct critical_path;
class graph_layouts;
class name_totals;

/// What is made of an index when it is first asked for, and kept with it. Each once, by whichever
/// thread comes first; the others wait for it.
struct worked_out {
  template <class T>
  struct once {
    std::once_flag flag;
    std::shared_ptr<const T> made;

    template <class Make>
    const T& get(Make make) {
      std::call_once(flag, [&] { made = std::make_shared<const T>(make()); });
      return *made;
    }
  };

  once<critical_path> path;
  once<graph_layouts> layouts;
  once<name_totals> totals;
};

}  // namespace fronta::viz

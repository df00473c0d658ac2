// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace fronta::viz {

/// What names have in common that only count: "mask 12" and "mask 7" are both "mask #".
[[nodiscard]] std::string name_kind(std::string_view name);

}  // namespace fronta::viz

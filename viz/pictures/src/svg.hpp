// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace fronta::viz::detail {

/// Cairo numbers surfaces through the whole process; counts them anew, so that the same scene gives
/// the same bytes.
[[nodiscard]] std::string with_own_numbers(std::string_view svg);

/// Adds a title and a description, which screen readers read out.
[[nodiscard]] std::string with_words(std::string_view svg, std::string_view title,
                                     std::string_view description);

}  // namespace fronta::viz::detail

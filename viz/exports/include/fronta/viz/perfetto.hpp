// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace fronta::viz {

class index;

/// Perfetto's own format: the same as `write_chrome_json` says, with all slices of a task
/// correlated. A file that was cut off is readable up to there.
void write_perfetto(const index& of, std::ostream& to);

}  // namespace fronta::viz

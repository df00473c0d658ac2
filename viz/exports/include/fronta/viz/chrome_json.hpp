// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace fronta::viz {

class index;

/// Chrome's trace events, which Perfetto and chrome://tracing read: a process for each place, a
/// thread for each slot and each row of a stream, dependencies as flows, counters and lengths of
/// queues. What has no end in the trace ends with it. Texts that are not UTF-8 come with U+FFFD.
void write_chrome_json(const index& of, std::ostream& to);

}  // namespace fronta::viz

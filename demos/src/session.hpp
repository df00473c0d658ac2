// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <stop_token>

namespace fronta::demos {

/// What `main` returns.
enum class exit_code { success = 0, failed = 1, wrong_usage = 2, interrupted = 130 };

/// The work failed. The text says what to do; it follows "fronta: " on stderr.
class demo_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What every demo is given besides its own options.
struct session {
  std::stop_token interrupted;  ///< Ctrl-C
  bool json = false;            ///< stdout carries one JSON object and nothing else
};

}  // namespace fronta::demos

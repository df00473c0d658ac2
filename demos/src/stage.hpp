// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fronta::demos {

struct stage_command {
  std::vector<std::string> arguments;  ///< as they were given; the window's program reads them
};

/// `fronta stage`: becomes the program fronta-stage, which lies beside it. Throws `demo_error`
/// where there is none.
exit_code execute(const stage_command& what, const session& s);

/// Why there is no window on any display: the program was built without one, or fronta-stage is
/// not beside it. Empty where there may be one.
[[nodiscard]] std::string window_lacks();

/// A window on a run of this program's own: the program fronta-stage beside it, which reads the
/// run's trace. The run neither waits for it nor notices when it is closed.
class stage_window {
 public:
  enum class closes : std::uint8_t { by_hand, after_the_run };
  /// Starts it, for a recording that has begun, and waits until something is to be seen in it.
  /// `shown`: options of fronta-stage.
  stage_window(const std::string& trace, closes when, const std::vector<std::string>& shown,
               const session& s);
  /// Ends it.
  ~stage_window();
  stage_window(const stage_window&) = delete;
  stage_window& operator=(const stage_window&) = delete;

  /// Why there is none; empty where there is one.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  /// Blocks until it is closed, or Ctrl-C. Where its user wants the run once more: how the next
  /// one is to be shown.
  std::optional<std::vector<std::string>> wait_until_closed();

 private:
  void start(const std::string& trace, closes when, const std::vector<std::string>& shown);
  void wait() noexcept;
  void end() noexcept;

  const session& session_;
  int process_ = 0;  // 0 once it has ended
  int told_ = -1;    // what it says comes from there
  std::string reason_;
};

}  // namespace fronta::demos

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace fronta::viz {

/// While it lives the desktop is asked not to blank the screen, by `systemd-inhibit`, which GNOME,
/// KDE and whoever else heeds logind's idle locks listen to. Where there is no such program nothing
/// is asked. Belongs to one thread.
class awake {
 public:
  awake() noexcept;
  ~awake();
  awake(const awake&) = delete;
  awake& operator=(const awake&) = delete;

  [[nodiscard]] bool asks() const noexcept { return child_ > 0; }

 private:
  pid_t child_ = 0;
  int lives_ = -1;  // the child's child reads it, and ends with this process whatever happens
};

}  // namespace fronta::viz

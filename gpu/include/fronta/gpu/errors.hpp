// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/errors.hpp>

#include <cstddef>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace fronta {

/// A device refused or lost something. `code` is the driver's (a CUresult), 0 for Fronta's own.
class device_error : public error {
 public:
  device_error(const std::string& what, int code, std::string device)
      : error(what), code_(code), device_(std::move(device)) {}
  [[nodiscard]] int code() const noexcept { return code_; }
  /// The place's name, such as "gpu:0".
  [[nodiscard]] const std::string& device() const noexcept { return device_; }

 private:
  int code_;
  std::string device_;
};

/// A call to the device was wrong in itself (an empty grid, a missing kernel); nothing else
/// suffers.
class launch_error : public device_error {
 public:
  using device_error::device_error;
};

/// The device is at fault and this task may have caused it. `suspects` are the names of all tasks
/// that may have; `certain` when that is this one alone.
class device_fault : public device_error {
 public:
  device_fault(const std::string& what, int code, std::string device,
               std::vector<std::string> suspects, bool certain)
      : device_error(what, code, std::move(device)),
        suspects_(std::move(suspects)),
        certain_(certain) {}
  [[nodiscard]] const std::vector<std::string>& suspects() const noexcept { return suspects_; }
  [[nodiscard]] bool certain() const noexcept { return certain_; }

 private:
  std::vector<std::string> suspects_;
  bool certain_;
};

/// The device was lost before this task touched it: an innocent one.
class device_lost_error : public device_error {
 public:
  using device_error::device_error;
};

/// Device memory has run out, after all that can be done about it.
class device_bad_alloc : public std::bad_alloc {
 public:
  device_bad_alloc(std::string what, std::size_t asked, std::size_t free,
                   std::vector<std::string> holders)
      : what_(std::move(what)), asked_(asked), free_(free), holders_(std::move(holders)) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }
  [[nodiscard]] std::size_t free() const noexcept { return free_; }
  [[nodiscard]] const std::vector<std::string>& holders() const noexcept { return holders_; }

 private:
  std::string what_;
  std::size_t asked_;
  std::size_t free_;
  std::vector<std::string> holders_;
};

}  // namespace fronta

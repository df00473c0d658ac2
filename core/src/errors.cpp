// SPDX-License-Identifier: Apache-2.0
#include <fronta/errors.hpp>

#include <cstdio>
#include <memory>
#include <mutex>

namespace fronta {
namespace {

struct hook_slot {
  std::mutex mutex;
  std::shared_ptr<const error_hook> hook;  // guarded by mutex
};

hook_slot& process_hook() {
  static auto* slot = new hook_slot;  // never destroyed: threads may report during exit
  return *slot;
}

}  // namespace

error_hook set_error_hook(error_hook hook) {
  auto next = hook ? std::make_shared<const error_hook>(std::move(hook)) : nullptr;
  auto& slot = process_hook();
  const std::lock_guard lock(slot.mutex);
  const auto before = std::exchange(slot.hook, std::move(next));
  return before ? *before : error_hook{};
}

namespace detail {

std::string describe(const std::exception_ptr& error) {
  if (!error) return "no exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

void report_error(std::exception_ptr error, const char* context) noexcept {
  try {
    std::shared_ptr<const error_hook> hook;
    {
      auto& slot = process_hook();
      const std::lock_guard lock(slot.mutex);
      hook = slot.hook;
    }
    if (hook) {
      (*hook)(std::move(error), context);
    } else {
      std::fprintf(stderr, "fronta: %s: %s\n", context, describe(error).c_str());
    }
  } catch (...) {
    std::fprintf(stderr, "fronta: %s: and reporting it failed too\n", context);
  }
}

}  // namespace detail
}  // namespace fronta

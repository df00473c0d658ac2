// SPDX-License-Identifier: Apache-2.0
#include <fronta/annotate.hpp>

#include <utility>

namespace fronta {

annotate::annotate(task_options options)
    : merged_(std::move(options)), outer_(detail::this_annotation) {
  if (outer_ != nullptr) detail::merge_options(merged_, outer_->merged_);
  detail::this_annotation = this;
}

annotate::~annotate() { detail::this_annotation = outer_; }

const task_options* current_annotation() noexcept {
  return detail::this_annotation != nullptr ? &detail::this_annotation->merged_ : nullptr;
}

namespace detail {

void merge_options(task_options& options, const task_options& defaults) {
  if (options.name.empty()) options.name = defaults.name;
  if (!options.needs.given()) options.needs = defaults.needs;
  if (!options.retries) options.retries = defaults.retries;
  if (!options.retry_if) options.retry_if = defaults.retry_if;
  if (!options.backoff) options.backoff = defaults.backoff;
  if (!options.priority) options.priority = defaults.priority;
  if (!options.timeout) options.timeout = defaults.timeout;
  if (!options.stop.stop_possible()) options.stop = defaults.stop;
  if (options.key.empty()) options.key = defaults.key;
  if (options.place_on.empty()) options.place_on = defaults.place_on;
  if (options.prefer.empty()) options.prefer = defaults.prefer;
  if (!options.select) options.select = defaults.select;
  if (!options.fallback) options.fallback = defaults.fallback;
}

}  // namespace detail
}  // namespace fronta

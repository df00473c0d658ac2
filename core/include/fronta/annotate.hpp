// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/task_options.hpp>

namespace fronta {

/// Default options for every task submitted by this thread while the object lives. Scopes nest:
/// inner beats outer, and an option given to `submit` beats both, also when it is 0 or `no_needs`.
/// A scope's options hold for each task submitted in it, `stop` and `key` included.
/// Tasks do not carry the scope to other threads: what they submit is not annotated by it.
/// ```
/// const fronta::annotate urgent{{.retries = 3, .priority = 10}};
/// ex.submit(work);
/// ```
class annotate {
 public:
  explicit annotate(task_options options);
  ~annotate();
  annotate(const annotate&) = delete;
  annotate& operator=(const annotate&) = delete;

 private:
  friend const task_options* current_annotation() noexcept;
  task_options merged_;
  const annotate* outer_;
};

/// The merged options of the enclosing scopes, or null.
const task_options* current_annotation() noexcept;

namespace detail {
/// Fills what `options` leaves open from `defaults`.
void merge_options(task_options& options, const task_options& defaults);
inline constinit thread_local const annotate* this_annotation = nullptr;
}  // namespace detail

}  // namespace fronta

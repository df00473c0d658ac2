// SPDX-License-Identifier: Apache-2.0
#include <fronta/this_task.hpp>

#include <fronta/errors.hpp>

namespace fronta::this_task {
namespace {

const detail::run_context& context(const char* verb) {
  const auto* c = detail::this_context;
  if (c == nullptr || c->task == nullptr) {
    throw invalid_state_error(std::string("this_task::") + verb +
                              ": the calling thread runs no task; call it inside one");
  }
  return *c;
}

}  // namespace

bool active() noexcept {
  return detail::this_context != nullptr && detail::this_context->task != nullptr;
}
std::stop_token stop_token() {
  auto& n = *context("stop_token").task;
  auto token = n.stop_token();
  n.host->started(n);  // from now on a cancelling shutdown has somebody to ask
  return token;
}
int attempt() { return context("attempt").attempt; }
std::string name() { return context("name").task->name(); }
std::string place() {
  const auto& c = context("place");
  return c.task->host->place_of(*c.task);
}
std::uint64_t path() { return context("path").path; }
bool holds(std::string_view tag) {
  const auto* x = context("holds").task->extra();
  return x != nullptr && x->options.needs.find(tag) != nullptr;
}
fronta::rng rng() {
  const auto& c = context("rng");
  return fronta::rng(c.task->host->seed(), c.path, static_cast<std::uint32_t>(c.attempt));
}
void reschedule() {
  static_cast<void>(context("reschedule"));
  throw detail::reschedule_request{};
}

}  // namespace fronta::this_task

// SPDX-License-Identifier: Apache-2.0
#include <fronta/future.hpp>

namespace fronta {

bool any_future::cancel() const {
  auto& n = checked("cancel");
  // A second canceller may come while the first still destroys the callable.
  return detail::cancel(n, nullptr) || n.current() == detail::phase::cancelled ||
         n.current() == detail::phase::dropping;
}

std::exception_ptr any_future::exception(time_limit limit) const {
  auto& n = checked("exception");
  if (!n.done() && !detail::wait_until(n, deadline(limit))) detail::throw_timeout(n, "exception");
  trace::detail::emit_consume(n);
  auto error = n.error();
  if (n.current() == detail::phase::cancelled) std::rethrow_exception(error);
  return error;
}

std::string any_future::failed_input() const {
  auto& n = checked("failed_input");
  return n.done() && n.extra() != nullptr ? n.extra()->failed_input : std::string();
}

namespace detail {

void throw_empty(const char* verb, const char* of) {
  throw invalid_state_error(std::string(of) + verb +
                            ": the handle is empty; get one from submit or a promise");
}

void throw_timeout(const node& n, const char* verb) {
  throw timeout_error(std::string("future::") + verb + ": task \"" + n.name() + "\" was still " +
                      (n.current() == phase::running ? "running" : "pending") +
                      " when the time limit passed; wait longer or request_stop it");
}

void throw_taken(const node& n) {
  throw invalid_state_error("future: the value of task \"" + n.name() +
                            "\" was moved out; copy it with get() on an lvalue");
}

void throw_moved_promise(const char* verb) {
  throw invalid_state_error(std::string("promise::") + verb +
                            ": the promise was moved from; use the one that it was moved to");
}

void require_value(node& n) {
  if (n.remote.load(std::memory_order_acquire) && n.current() == phase::value) n.host->fetch(n);
  if (auto error = n.error()) std::rethrow_exception(std::move(error));
}

void report_current(const char* context) noexcept {
  report_error(std::current_exception(), context);
}

void add_callback(node& n, std::unique_ptr<callback_edge> callback) noexcept {
  callback->kind = edge_kind::callback;
  // Relaxed: who asks is the last reader, and sees what former ones did.
  n.had_callbacks.store(true, std::memory_order_relaxed);
  callback->fire = [](edge& self, node& source) noexcept {
    const std::unique_ptr<callback_edge> owned(static_cast<callback_edge*>(&self));
    const bool told = source.path != 0 && trace::on();  // promises are no tasks
    if (told) {
      source.add_keeper();  // the callback may drop the last handle
      trace::detail::emit(trace::event_kind::callback, source, 0);
    }
    try {
      owned->call(source);
    } catch (...) {
      report_current("a done callback threw; let it catch what it calls");
    }
    if (told) {
      trace::detail::emit(trace::event_kind::callback, source, 1);
      source.drop_keeper();
    }
  };
  auto* const raw = callback.release();
  if (!n.add_edge(*raw)) raw->fire(*raw, n);
}

}  // namespace detail
}  // namespace fronta

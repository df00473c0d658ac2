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

// Promises are no tasks.
callback_told::callback_told(node& source) noexcept
    : source_(source.path != 0 && trace::on() ? &source : nullptr) {
  if (source_ == nullptr) return;
  source_->add_keeper();  // the callback may drop the last handle
  trace::detail::emit(trace::event_kind::callback, *source_, 0);
}

callback_told::~callback_told() {
  if (source_ == nullptr) return;
  trace::detail::emit(trace::event_kind::callback, *source_, 1);
  source_->drop_keeper();
}

void add_callback(node& n, std::unique_ptr<callback_edge> callback) noexcept {
  n.add_reader();
  callback->kind = edge_kind::callback;
  callback->fire = [](edge& self, node& source) noexcept {
    const callback_scope scope;
    const std::unique_ptr<callback_edge> owned(static_cast<callback_edge*>(&self));
    const callback_told told(source);
    try {
      owned->call(future_access::adopt_erased(&source));
    } catch (...) {
      report_current("a done callback threw; let it catch what it calls");
    }
  };
  auto* const raw = callback.release();
  if (!n.add_edge(*raw)) raw->fire(*raw, n);
}

}  // namespace detail
}  // namespace fronta

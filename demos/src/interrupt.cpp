// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include "session.hpp"

#include <pthread.h>
#include <unistd.h>

namespace fronta::demos {

interrupt::interrupt(signals which) {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, SIGINT);
  for (const int more : {SIGTERM, SIGHUP}) {
    struct sigaction as{};
    const bool ignored = ::sigaction(more, nullptr, &as) == 0 && as.sa_handler == SIG_IGN;
    if (which == signals::all && !ignored) ::sigaddset(&signals_, more);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  // A thread and not a handler: requesting a stop runs callbacks, which no handler may do.
  watcher_ = std::thread([this] { watch(); });
}

interrupt::~interrupt() {
  ending_ = true;
  ::pthread_kill(watcher_.native_handle(), SIGINT);
  watcher_.join();
}

void interrupt::watch() {
  for (;;) {
    int signal = 0;
    ::sigwait(&signals_, &signal);
    if (ending_) return;
    if (!source_.request_stop()) ::_exit(static_cast<int>(exit_code::interrupted));
  }
}

}  // namespace fronta::demos

// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "stage.hpp"

#include <fronta/viz/words.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

namespace {

// As those of the program fronta.
enum : int { success = 0, failed = 1, wrong_usage = 2 };

int tell(int code, const std::string& sentence) {
  std::fprintf(stderr, "fronta: %s\n", sentence.c_str());
  return code;
}

// Who has started this program for a run of its own. The first line says why there is no window, in
// its words, or is empty; a second one that the run is wanted again, and how this was shown.
class starter {
 public:
  void is_at(int descriptor) {
    to_ = descriptor;
    // What this starts in turn may outlive it.
    if (to_ >= 0) ::fcntl(to_, F_SETFD, FD_CLOEXEC);
  }
  [[nodiscard]] bool waits() const { return to_ >= 0 && !told_; }
  [[nodiscard]] bool is_there() const { return to_ >= 0; }
  // False if nobody listens any more: it has ended meanwhile.
  bool tell(const std::string& line) {
    const auto whole = line + '\n';
    told_ = true;
    return ::write(to_, whole.data(), whole.size()) > 0;
  }

 private:
  int to_ = -1;
  bool told_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace fronta::viz;
  std::string trace = "TRACE";
  starter by;
  try {
    const auto o = read_stage_options(argc, argv);
    if (!o) return success;
    if (!o->trace.empty()) trace = o->trace;
    std::signal(SIGPIPE, SIG_IGN);
    by.is_at(o->tell);
    auto in = o->frame;
    in.title = "Fronta";
    stage s(in, o->first);
    const bool compares = o->first.what == preset::compare;
    if (o->other.empty() || compares || !s.show_together(o->trace, o->other)) {
      if (!o->other.empty()) s.compare_with(o->other);
      if (!o->trace.empty()) s.open(o->trace);
    }
    if (!o->attach.empty()) s.attach(o->attach);
    stage::until until{.seconds = o->exit_after, .recording_ends = o->exit_after_run, .shown = {}};
    if (by.waits()) {
      until.shown = [&] {
        if (!by.tell("")) s.on().close();
      };
    }
    if (by.is_there()) s.offer_run_again();
    s.run(until);
    if (const auto words = s.run_again()) {
      std::string line;
      for (const auto& w : *words) line.append(line.empty() ? "" : " ").append(w);
      by.tell(line);
    }
    if (!s.failure().empty()) return tell(failed, s.failure() + ".");
    return success;
  } catch (const usage_error& error) {
    return tell(wrong_usage, error.what());
  } catch (const window_error& error) {
    if (by.waits()) {
      by.tell(error.what());
      return failed;
    }
    return tell(failed, std::string("no window can be opened: ") + error.what() +
                            "; draw without one: fronta render " + trace + " -o picture.png.");
  } catch (const std::exception& error) {
    return tell(failed, std::string(without_caller(error.what())) + ".");
  }
}

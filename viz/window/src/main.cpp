// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "stage.hpp"

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

}  // namespace

int main(int argc, char** argv) {
  using namespace fronta::viz;
  std::string trace = "TRACE";
  try {
    const auto o = read_stage_options(argc, argv);
    if (!o) return success;
    if (!o->trace.empty()) trace = o->trace;
    auto in = o->frame;
    in.title = "Fronta";
    stage s(in, o->first);
    if (!o->other.empty()) s.compare_with(o->other);
    if (!o->trace.empty()) s.open(o->trace);
    s.run(o->exit_after);
    if (!s.failure().empty()) return tell(failed, s.failure() + ".");
    return success;
  } catch (const usage_error& error) {
    return tell(wrong_usage, error.what());
  } catch (const window_error& error) {
    return tell(failed, std::string("no window can be opened: ") + error.what() +
                            "; draw without one: fronta render " + trace + " -o picture.png.");
  } catch (const std::exception& error) {
    return tell(failed, std::string(error.what()) + ".");
  }
}

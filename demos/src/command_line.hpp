// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "batch.hpp"
#include "divisibility.hpp"
#include "export.hpp"
#include "gridsearch.hpp"
#include "overlap.hpp"
#include "pipeline.hpp"
#include "render.hpp"
#include "session.hpp"
#include "stage.hpp"

#include <stdexcept>
#include <string>
#include <variant>

namespace fronta::demos {

struct list_command {};
struct doctor_command {};
/// Help or version was asked for, and printed.
struct answered {};

struct command {
  std::variant<answered, divisibility, batch, gridsearch, pipeline, overlap, list_command,
               doctor_command, export_command, render_command, stage_command>
      what;
  bool json = false;
  std::string trace = {};       ///< file to record the demo in; empty for none
  std::string pictures = {};    ///< folder for pictures of the run; empty for none
  bool pictures_asked = false;  ///< by name, so that doing without them is an error
  bool stage = false;           ///< a window shows the run
  bool exit_after_run = false;  ///< that window closes at its end
};

/// The text is one sentence that says what to do.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads the command line. Throws `usage_error`.
command read_command_line(int argc, const char* const* argv);

}  // namespace fronta::demos

// SPDX-License-Identifier: Apache-2.0
#include "render.hpp"

#include "output.hpp"
#include "trace_input.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/clock.hpp>
#include <fronta/viz/font.hpp>
#include <fronta/viz/html.hpp>
#include <fronta/viz/merge.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/source_files.hpp>
#include <fronta/viz/video.hpp>
#include <fronta/viz/words.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::demos {
namespace {

constexpr int frames_per_second = 50;

std::int64_t since_begin(const viz::index& of, double milliseconds) {
  return of.begin() + static_cast<std::int64_t>(std::llround(milliseconds * 1e6));
}

std::string name_of_file(const std::string& file) {
  return std::filesystem::path(file).filename().string();
}

// What is read; lines that say what is not in it are added to `lacks`.
trace::file_contents read(const std::string& file, std::vector<std::string>& lacks) {
  auto contents = read_trace(file, "drawn");
  if (const auto lack = lack_of(contents); !lack.empty())
    lacks.push_back(fmt::format("{}: {}", file, lack));
  return contents;
}

// Of one process, or of several that ran at the same time.
viz::merged_trace read_all(const render_command& what, std::vector<std::string>& lacks) {
  std::vector<trace::file_contents> all;
  all.push_back(read(what.trace, lacks));
  if (what.preset == viz::preset::compare) {
    if (what.others.size() != 1) {
      throw demo_error(what.others.empty()
                           ? "--preset compare needs a second trace; give it behind the first."
                           : "--preset compare shows two traces; leave the others out.");
    }
  } else {
    // Two that ran one after the other may be joined by a third.
    for (const auto& other : what.others) all.push_back(read(other, lacks));
    if (const auto found = viz::find_apart(all); all.size() > 1 && !found.why.empty()) {
      throw demo_error(
          fmt::format("\"{}\" cannot be drawn in one picture with {}: {}; leave it out, or use "
                      "--preset compare.",
                      found.which == 0 ? what.trace : what.others[found.which - 1],
                      all.size() == 2 ? "the other one" : "the others", found.why));
    }
  }
  if (all.size() == 1) return {.all = std::move(all.front()), .said = {}};
  return viz::merge(std::move(all));
}

class pictures {
 public:
  pictures(const render_command& what, const viz::index& of, const viz::index* other,
           std::string note)
      : what_(what),
        of_(of),
        theme_(*viz::find_theme(what.theme)),
        sources_({.folder = what.source, .host = {}}) {
    view_.what = what.preset;
    view_.note = std::move(note);
    view_.title = name_of_file(what.trace);
    if (what.layout != viz::stage_layout::plain) {
      if (what.preset != viz::preset::stage) {
        throw demo_error(
            fmt::format("--layout {} is of the stage; add --preset stage.", name_of(what.layout)));
      }
      sources_.read(of);
      view_.layout = what.layout;
      view_.sources = &sources_;
    }
    if (other != nullptr) {
      view_.other = other;
      view_.other_title = name_of_file(what.others.front());
      last_ = std::max(last_, of.begin() + (other->end() - other->begin()));
    } else {
      for (const auto& more : what.others) view_.title.append(" + ").append(name_of_file(more));
    }
    if (what.at) view_.at = since_begin(of, *what.at);
    if (what.task) {
      if (*what.task > of.tasks().size()) {
        throw demo_error(of.tasks().empty()
                             ? "there is no task in the trace; leave --task out."
                             : fmt::format("there is no task {}; give a --task from 1 to {}.",
                                           *what.task, of.tasks().size()));
      }
      view_.selected = *what.task - 1;
    }
    view_.clock = what.clock;
    if (what.color != viz::bar_color::state && what.preset != viz::preset::timeline)
      throw demo_error("--colour kind is of the timeline; add --preset timeline.");
    view_.color = what.color;
    check_lanes();
    view_.lanes.order = what.order;
    for (const auto& name : what.pinned) {
      for (const auto l : lanes_named("--pin", name)) view_.lanes.pinned.push_back(l);
    }
    for (const auto& name : what.folded) fold(name);
    if (what.from || what.to) {
      view_.from = what.from ? since_begin(of, *what.from) : of.begin();
      view_.to = what.to ? since_begin(of, *what.to) : last_;
      if (view_.to <= view_.from) {
        throw demo_error(fmt::format(
            "nothing lies between --from and --to; the trace lasts {}, give a --from before --to.",
            viz::duration(last_ - of.begin())));
      }
    }
  }

  void write() {
    const auto ending = std::filesystem::path(what_.output).extension();
    if (ending == ".png") {
      write_png(scene(), what_.output);
    } else if (ending == ".svg") {
      write_svg(scene(), what_.output);
    } else if (ending == ".pdf") {
      const std::array pages{scene()};
      write_pdf(pages, what_.output);
    } else if (ending == ".html") {
      write_html(of_, view_, static_cast<float>(what_.width), static_cast<float>(what_.height),
                 font_, theme_, what_.output);
    } else if (ending == ".txt") {
      write_text();
    } else {
      write_film();
    }
  }

 private:
  [[nodiscard]] viz::scene scene() const {
    return draw(of_, view_, static_cast<float>(what_.width), static_cast<float>(what_.height),
                font_, theme_);
  }

  void write_text() const {
    std::ofstream to(what_.output, std::ios::binary | std::ios::trunc);
    to << viz::narrate(of_, view_);
    to.close();
    if (!to) {
      throw demo_error(fmt::format(
          "\"{}\" could not be written; name a file in a folder that exists and has room.",
          what_.output));
    }
  }

  [[nodiscard]] std::vector<std::uint32_t> lanes_named(std::string_view option,
                                                       const std::string& name) const {
    std::vector<std::uint32_t> found;
    const auto lanes = of_.lanes();
    for (std::uint32_t l = 0; l < lanes.size(); ++l) {
      if (lanes[l].name == name) found.push_back(l);
    }
    if (!found.empty()) return found;
    constexpr std::size_t most = 12;
    std::vector<std::string> names;
    for (const auto& lane : lanes) names.push_back(lane.name);
    std::ranges::sort(names);  // else in the order in which the threads of a run told of them
    std::string known;
    for (std::size_t l = 0; l < std::min(most, names.size()); ++l)
      known += (known.empty() ? "\"" : ", \"") + names[l] + "\"";
    if (lanes.size() > most) known += ", …";
    throw demo_error(
        fmt::format("{}: there is no lane \"{}\"; {}.", option, name,
                    known.empty() ? "the trace has none, leave it out" : "give one of " + known));
  }

  // What has no lanes, or those of two runs, would ignore that without a word.
  void check_lanes() const {
    using enum viz::preset;
    std::string_view asked;
    if (what_.order != viz::lane_order::place && what_.preset != compare) asked = "--sort";
    if (!what_.folded.empty()) asked = "--fold";
    if (!what_.pinned.empty()) asked = "--pin";
    const bool arranges =
        what_.preset == timeline || what_.preset == stage || what_.preset == completion;
    if (asked.empty() || arranges) return;
    throw demo_error(
        fmt::format("{} is of the timeline, the stage and completion, not of {}; leave "
                    "it out, or use another --preset.",
                    asked, name_of(what_.preset)));
  }

  // A place is folded as a whole.
  void fold(const std::string& name) {
    bool is_place = false;
    for (const auto& l : of_.lanes()) {
      if (of_.place_name(l.executor, l.place) != name) continue;
      is_place = true;
      const viz::lane_place place(l.executor, l.place);
      auto& folded = view_.lanes.folded_places;
      if (std::ranges::find(folded, place) == folded.end()) folded.push_back(place);
    }
    if (is_place) return;
    for (const auto l : lanes_named("--fold", name)) view_.lanes.folded.push_back(l);
  }

  // Frame k shows what was true at exactly its moment.
  void write_film() {
    viz::video film(what_.output, {.width = static_cast<float>(what_.width),
                                   .height = static_cast<float>(what_.height),
                                   .frames_per_second = frames_per_second});
    const auto from = view_.to > view_.from ? view_.from : of_.begin();
    const auto to = view_.to > view_.from ? view_.to : last_;
    const auto frames = std::max<std::int64_t>(1, std::llround(what_.seconds * frames_per_second));
    const auto* clock =
        view_.clock == viz::clock_kind::linear ? nullptr : &clock_of(of_, view_.clock);
    const auto first = clock == nullptr ? 0 : clock->place(from);
    const auto length =
        clock == nullptr ? static_cast<double>(to - from) : clock->place(to) - first;
    view_.steps = view_.clock == viz::clock_kind::steps;
    (view_.steps ? view_.beats : view_.dilation) = length / what_.seconds;
    for (std::int64_t k = 0; k <= frames; ++k) {
      const auto share = static_cast<double>(k) / static_cast<double>(frames);
      if (clock == nullptr) {
        view_.at = from + static_cast<std::int64_t>(share * length);
      } else {
        // Between two events it stays at the first.
        const auto place = first + share * length;
        view_.at =
            std::max(from, clock->time(view_.steps && k != frames ? std::floor(place) : place));
      }
      film.add(scene());
    }
    film.finish();
  }

  const render_command& what_;
  const viz::index& of_;
  viz::font font_;
  const viz::theme& theme_;
  viz::source_files sources_;
  viz::view view_;
  std::int64_t last_ = of_.end();  // of two runs the longer one's
};

}  // namespace

exit_code execute(const render_command& what, const session& /*s*/) {
  auto inputs = what.others;
  inputs.push_back(what.trace);
  keep_inputs(what.output, inputs);
  std::vector<std::string> lacks;
  auto read_of = read_all(what, lacks);
  const viz::index of(std::move(read_of.all));
  std::optional<viz::index> other;
  if (what.preset == viz::preset::compare) other.emplace(read(what.others.front(), lacks));
  try {
    pictures(what, of, other ? &*other : nullptr, read_of.said).write();
  } catch (const demo_error&) {
    throw;
  } catch (const std::exception& error) {
    throw demo_error(fmt::format("{}.", viz::without_caller(error.what())));
  }
  fmt::print("{} of {} tasks{} in {}\n",
             what.output.ends_with(".txt") ? "narration" : name_of(what.preset),
             grouped(of.tasks().size()), other ? " and " + grouped(other->tasks().size()) : "",
             what.output);
  for (const auto& lack : lacks) fmt::print(stderr, "fronta: {}\n", lack);
  flush_output();
  return exit_code::success;
}

}  // namespace fronta::demos

// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/source_files.hpp>

#include "summaries.hpp"
#include "task_locations.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace fronta::viz {
namespace {

namespace fs = std::filesystem;

// A trace may be anybody's: what it names is read only if it looks like a program's text.
constexpr std::uintmax_t largest = 4'000'000;
constexpr std::size_t most_files = 500;
constexpr std::size_t longest_line = 1'000;  // bytes; nobody reads what comes behind
constexpr std::array<std::string_view, 16> endings{".c",   ".cc",  ".cpp", ".cxx", ".c++", ".cu",
                                                   ".cuh", ".h",   ".hh",  ".hpp", ".hxx", ".h++",
                                                   ".inc", ".inl", ".ipp", ".tpp"};

std::string own_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_file(const fs::path& at) {
  std::error_code error;
  return fs::is_regular_file(at, error);
}

std::vector<std::string> lines_of(std::string_view text) {
  constexpr std::size_t tab = 4;
  std::vector<std::string> lines;
  std::string line;
  const auto end_line = [&] {
    if (line.ends_with('\r')) line.pop_back();
    if (line.size() > longest_line) {
      line.resize(longest_line);
      line += "…";
    }
    lines.push_back(std::exchange(line, {}));
  };
  for (const char c : text) {
    if (c == '\n') {
      end_line();
    } else if (line.size() > longest_line) {
      continue;
    } else if (c == '\t') {
      line.append(tab - line.size() % tab, ' ');
    } else {
      line += c;
    }
  }
  if (!line.empty()) end_line();
  return lines;
}

// The file that has the longest end of `name` as its name below `folder`; of so many components at
// least.
std::optional<fs::path> below(const fs::path& folder, const std::string& name,
                              std::ptrdiff_t least) {
  const fs::path whole = name;
  for (auto first = whole.begin(); std::distance(first, whole.end()) >= least; ++first) {
    auto at = folder;
    for (auto part = first; part != whole.end(); ++part) at /= *part;
    if (is_file(at)) return at;
  }
  return std::nullopt;
}

// `seconds` since 1970 as the files of a system have them.
std::optional<std::int64_t> changed_at(const fs::path& at) {
  struct stat s{};
  if (::stat(at.c_str(), &s) != 0) return std::nullopt;
  return std::int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
}

class reader {
 public:
  reader(const source_files::options& o, const index& of) : options_(o), of_(of) {}

  [[nodiscard]] source_files::file read(const std::string& name) const {
    source_files::file f;
    const auto inner = inner_path(name);
    const auto ending = fs::path(inner).extension().string();
    if (std::ranges::find(endings, ending) == endings.end()) {
      f.missing = inner + " is not read: its name is not that of a C++ source file.";
      return f;
    }
    const auto found = find(name, inner);
    if (!found) {
      f.missing = inner + " was not found ";
      f.missing += options_.folder.empty()
                       ? "where it was compiled, nor below the working directory; give --source."
                       : "below " + options_.folder.string() + "; name another --source.";
      return f;
    }
    f.path = found->string();
    std::error_code error;
    const auto size = fs::file_size(*found, error);
    std::ifstream in(*found, std::ios::binary);
    if (error || !in) {
      f.missing = f.path + " cannot be read.";
      return f;
    }
    if (size > largest) {
      f.missing = f.path + " is not read: it is larger than 4 MB.";
      return f;
    }
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.find('\0') != std::string::npos) {
      f.missing = f.path + " is not read: it is no text.";
      return f;
    }
    f.lines = lines_of(text);
    f.doubt = doubt(*found);
    return f;
  }

 private:
  [[nodiscard]] std::optional<fs::path> find(const std::string& name,
                                             const std::string& inner) const {
    if (!options_.folder.empty()) return below(options_.folder, inner, 1);
    if (fs::path(name).is_absolute() && is_file(name)) return fs::path(name);
    // A relative name is of the folder in which the compiler ran, mostly one for builds. A file of
    // that name alone may be anything.
    std::error_code error;
    return below(fs::current_path(error), inner, fs::path(name).is_absolute() ? 2 : 1);
  }

  [[nodiscard]] std::string doubt(const fs::path& at) const {
    const auto changed = changed_at(at);
    if (of_.origin_unix() != 0 && changed && *changed > of_.origin_unix())
      return "The file has changed since the recording: lines may have moved.";
    if (!of_.host().empty() && !options_.host.starts_with(of_.host()))
      return "The file is of " + options_.host + ", the run of " + of_.host() + ".";
    return {};
  }

  const source_files::options& options_;
  const index& of_;
};

}  // namespace

source_files::source_files() : source_files(options()) {}

source_files::source_files(options o) : options_(std::move(o)) {
  if (options_.host.empty()) options_.host = own_host();
}

void source_files::read(const index& of) {
  for (const auto& name : of.whole().locations_of(of).files()) {
    if (files_.size() >= most_files) return;
    if (!files_.contains(name)) files_.emplace(name, reader(options_, of).read(name));
  }
}

void source_files::add(std::string name, std::string_view text) {
  file f;
  f.path = name;
  f.lines = lines_of(text);
  files_.insert_or_assign(std::move(name), std::move(f));
}

const source_files::file* source_files::find(std::string_view name) const noexcept {
  const auto at = files_.find(name);
  return at == files_.end() ? nullptr : &at->second;
}

std::string inner_path(std::string_view name) {
  fs::path inner;
  for (const auto& part : fs::path(name).lexically_normal().relative_path()) {
    if (part != "..") inner /= part;
  }
  return inner.generic_string();
}

}  // namespace fronta::viz

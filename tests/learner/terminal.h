#pragma once

#include <doctest/doctest.h>

#include <pty.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace kindling::test {

/// An environment variable with another value, or without one (null), as long as this lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = ::getenv(name)) before_ = old, had_ = true;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { had_ ? ::setenv(name_, before_.c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool had_ = false;
};

/// Decides what the character set of the terminal is said to be.
struct Locale : Variable {
  explicit Locale(const char* value) : Variable("LC_ALL", value) {}
};

/// A pseudo-terminal of a given width to write to, and what was written. While it lives TERM says
/// that it knows escape sequences, whatever the tests were started from.
class Terminal {
 public:
  explicit Terminal(int columns) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    int writer = -1;
    REQUIRE(openpty(&reader_, &writer, nullptr, nullptr, &size) == 0);
    termios mode{};
    tcgetattr(writer, &mode);
    cfmakeraw(&mode);  // bytes arrive as they were written
    tcsetattr(writer, TCSANOW, &mode);
    out_ = fdopen(writer, "w");
    // Somebody has to read all the while, or a full buffer stops the writer.
    thread_ = std::thread([this] {
      char buffer[4096];
      for (ssize_t n; (n = ::read(reader_, buffer, sizeof buffer)) > 0;)
        text_.append(buffer, static_cast<std::size_t>(n));
    });
  }
  ~Terminal() { text(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::FILE* out() const { return out_; }
  /// Everything written; nothing can be written any more.
  const std::string& text() {
    if (thread_.joinable()) {
      std::fclose(out_);  // the reader sees the end
      thread_.join();
      ::close(reader_);
    }
    return text_;
  }

 private:
  Variable term_{"TERM", "xterm"};
  int reader_ = -1;
  std::FILE* out_ = nullptr;
  std::string text_;
  std::thread thread_;
};

/// What a terminal shows after these bytes: understands \r, \n and ESC[K, anything else is an
/// error, as are lines that do not fit.
class Screen {
 public:
  Screen(const std::string& text, int columns) : columns_(columns) {
    for (std::size_t i = 0; i < text.size();) {
      if (text.compare(i, 3, "\x1b[K") == 0) {
        lines.back().resize(std::min(lines.back().size(), column));
        i += 3;
      } else if (text[i] == '\r' || text[i] == '\n') {
        keep_widest();
        if (text[i] == '\n') lines.emplace_back();
        column = 0;
        ++i;
      } else {
        if (static_cast<unsigned char>(text[i]) < 32) trouble = "a control character";
        std::size_t end = i + 1;  // of this UTF-8 character
        while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
        lines.back().resize(std::max(lines.back().size(), column + 1), " ");
        lines.back()[column++] = text.substr(i, end - i);
        live += text.substr(i, end - i);
        i = end;
      }
    }
    keep_widest();
  }

  using Line = std::vector<std::string>;  ///< A character a cell.
  std::vector<Line> lines = std::vector<Line>(1);
  std::size_t column = 0;          ///< Of the cursor.
  std::size_t widest = 0;          ///< Of the lines that were overwritten: the progress line.
  std::vector<std::string> drawn;  ///< These lines.
  std::string trouble;

  /// The lines, each with a line end; the last one is where the cursor stands.
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      for (const std::string& cell : lines[i]) all += cell;
      if (i + 1 < lines.size()) all += "\n";
    }
    return all;
  }

 private:
  void keep_widest() {
    if (live.starts_with("epoch ") && live.find("split") == std::string::npos) {
      drawn.push_back(live);
      widest = std::max(widest, column);
      if (column >= static_cast<std::size_t>(columns_)) trouble = "too long: " + live;
    }
    live.clear();
  }
  int columns_;
  std::string live;
};

}  // namespace kindling::test

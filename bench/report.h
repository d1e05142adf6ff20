#pragma once

#include <string>
#include <vector>

#include "bench/harness.h"

/// The results as a table, as JSON and as a picture.
namespace kindling::bench {

/// What was measured on what.
struct Report {
  std::string machine;
  Settings settings;
  std::vector<Limits> limits;  ///< For 1, 2, 4, ... threads, and settings.threads last.
  std::vector<Result> results;
};

/// The processor's name, how many there are, and for which instructions this was compiled: "AMD
/// EPYC, 2 processors, compiled for AVX-512".
std::string machine_name();

/// To stdout: the machine, its limits, the peers that are missing; the head of the table; a row.
void print_head(const Report& report, int name_width);
void print_row(const Result& result, int name_width);

/// Both throw std::runtime_error when the file cannot be written.
void write_json(const std::string& path, const Report& report);
/// GFLOP/s against FLOPs a byte, under the roofs of the machine.
void draw_roofline(const std::string& path, const Report& report);

}  // namespace kindling::bench

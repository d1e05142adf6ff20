#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "data/dataset.h"

namespace kindling {

/// A column of a table: its number from 0 (negative ones count from the end), or its name.
using Column = std::variant<int, std::string>;

/// How load_csv() reads a table.
struct CsvOptions {
  Column label = -1;  ///< What a model should say; by default the last column.
  /// What goes in, in this order. Empty: all other columns, in the order of the file; where another
  /// table's order may be another, name them (if it has names): {train.features.begin(),
  /// train.features.end()}.
  std::vector<Column> features = {};
  bool header = true;    ///< The first line has the names. If it has none, its row would be lost.
  char separator = ',';  ///< No quote, end of line or NUL.
  bool regress = false;  ///< The label is a number to be hit, not the name of a class.
  /// The classes there may be, in this order: those of the training table, when this is to judge
  /// by. Empty: those that occur, sorted; by value when all are whole numbers.
  std::vector<std::string> classes = {};
};

/// What load_csv() has read.
struct CsvDataset {
  TensorDataset data;                 ///< xs[0] (N, features); labels (N), or values (N, 1).
  std::vector<std::string> features;  ///< Names, or numbers where there is no header.
  std::vector<std::string> classes;   ///< Empty in a regression.
};

/// A table of numbers as text (RFC 4180): a line a row, fields between separators, in quotes where
/// they contain one, a line feed or quotes (doubled). Blanks around fields without quotes do not
/// count. A feature is a finite number as C++ and JSON write it.
///
/// Throws Error "[csv] "FILE":LINE: ..." that names the column, for a field that is missing, is not
/// such a number, or a class that is not expected; for a row with another number of fields than the
/// first, for quotes that are not closed or stand inside of a field; and, without a line, for
/// columns that do not exist, are named twice or are feature and label at once, and for a table
/// without rows.
CsvDataset load_csv(const std::filesystem::path& path, const CsvOptions& options = {});

}  // namespace kindling

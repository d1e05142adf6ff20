#include "learner/files/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "engine/error.h"
#include "learner/files/flat_json.h"

namespace kindling::safetensors {

namespace {

struct DtypeWords {
  Dtype dtype;
  const char* name;
  std::uint64_t bytes;
};
constexpr std::array<DtypeWords, 3> kDtypes{
    {{Dtype::f32, "F32", 4}, {Dtype::f64, "F64", 8}, {Dtype::i64, "I64", 8}}};

const DtypeWords& words_of(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)]; }

constexpr const char* kMetadata = "__metadata__";

/// Listens to the parser word by word. A tree of the whole JSON would be many times as large as a
/// text that means to do harm.
class Listener : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Listener(Header& header) : header_(header) {}

  const std::string& trouble() const { return trouble_; }

  bool start_object(std::size_t) override {
    if (in_list_ || depth_ >= 2) return refuse("an object");
    ++depth_;
    field_.clear();
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ == 1) return begin_entry(name);
    if (in_metadata_) {
      field_ = name;
      if (++names_and_words_ > kMaxNames) return too_many();
      return header_.metadata.count(name) == 0 || stop("metadata '", name, "' twice");
    }
    if (name != "dtype" && name != "shape" && name != "data_offsets")
      return stop("'", entry_.name, "' has an unknown field '", name, "'");
    if (!fields_.insert(name).second)
      return stop("'", entry_.name, "' has two fields '", name, "'");
    field_ = name;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != 1) return true;
    return in_metadata_ || end_entry();
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_list_ || in_metadata_ || (field_ != "shape" && field_ != "data_offsets"))
      return refuse("a list");
    in_list_ = true;
    list_.clear();
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    if (field_ == "data_offsets") {
      if (list_.size() != 2)
        return stop("'", entry_.name, "': ", list_.size(), " data_offsets, 2 expected");
      entry_.begin = list_[0], entry_.end = list_[1];
      return true;
    }
    std::array<Index, Shape::kMaxRank> dims{};
    for (std::size_t i = 0; i < list_.size(); ++i) {
      if (list_[i] > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()))
        return stop("'", entry_.name, "': an extent of ", list_[i]);
      dims[i] = static_cast<Index>(list_[i]);
    }
    try {
      entry_.shape = Shape(std::span<const Index>(dims.data(), list_.size()));
    } catch (const Error& error) {
      return stop("'", entry_.name, "': ", error.what());
    }
    return true;
  }

  bool string(std::string& text) override {
    if (depth_ != 2 || in_list_) return refuse("a string");
    if (in_metadata_) return header_.metadata.emplace(field_, text), true;
    if (field_ != "dtype") return refuse("a string");
    const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                    [&](const DtypeWords& known) { return text == known.name; });
    if (found == kDtypes.end())
      return stop("'", entry_.name, "' is of type ", text, ": F32, F64 or I64 expected");
    entry_.dtype = found->dtype;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_list_) return refuse("a number");
    const std::size_t most = field_ == "shape" ? Shape::kMaxRank : 2;
    if (list_.size() == most)
      return stop("'", entry_.name, "': more than ", most, " numbers in its ", field_);
    list_.push_back(value);
    return true;
  }

  bool number_integer(number_integer_t value) override { return refuse(str(value)); }
  bool number_float(number_float_t, const std::string& text) override { return refuse(text); }
  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool binary(nlohmann::json::binary_t&) override { return refuse("binary data"); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception&) override {
    return stop("is not JSON, from byte ", at, " on");
  }

 private:
  template <class... Ts>
  bool stop(const Ts&... parts) {
    trouble_ = str(parts...);
    return false;
  }
  bool refuse(const std::string& what) {
    return stop("has ", what, " where it does not belong", entry_.name.empty() ? "" : ", near '",
                entry_.name, entry_.name.empty() ? "" : "'");
  }
  bool too_many() { return stop("has more than ", kMaxNames, " names and words"); }
  bool begin_entry(const std::string& name) {
    entry_ = Entry{};
    entry_.name = name;
    fields_.clear();
    in_metadata_ = name == kMetadata;
    if (++names_and_words_ > kMaxNames) return too_many();
    return names_.insert(name).second || stop("names '", name, "' twice");
  }
  bool end_entry() {
    if (fields_.size() != 3)
      return stop("'", entry_.name, "' needs a dtype, a shape and data_offsets");
    header_.entries.push_back(std::move(entry_));
    entry_ = Entry{};
    return true;
  }

  Header& header_;
  std::string trouble_, field_;
  Entry entry_;
  std::set<std::string> names_, fields_;
  std::vector<std::uint64_t> list_;
  std::size_t names_and_words_ = 0;
  int depth_ = 0;
  bool in_metadata_ = false, in_list_ = false;
};

}  // namespace

std::uint64_t bytes_of(Dtype dtype) { return words_of(dtype).bytes; }
const char* name_of(Dtype dtype) { return words_of(dtype).name; }

Header parse_header(std::string_view text, std::uint64_t data_bytes, const std::string& who) {
  const auto require = [&](bool ok, const auto&... parts) {
    if (!ok) throw Error(str("[safetensors] ", who, ": ", parts...));
  };
  require(!text.empty() && text.front() == '{', "the header does not begin with '{'");
  Header header;
  Listener listener(header);
  const bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &listener);
  require(parsed, "the header ", listener.trouble());

  std::sort(header.entries.begin(), header.entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : header.entries) {
    require(entry.begin == at, "'", entry.name, "' begins at byte ", entry.begin, " of the data, ",
            at, " expected: no holes, no overlaps");
    require(entry.end >= entry.begin && entry.end <= data_bytes, "'", entry.name, "' ends at byte ",
            entry.end, " of ", data_bytes);
    std::uint64_t bytes = 0;
    const bool fits = !__builtin_mul_overflow(static_cast<std::uint64_t>(entry.shape.size()),
                                              bytes_of(entry.dtype), &bytes);
    require(fits && bytes == entry.end - entry.begin, "'", entry.name, "' ", entry.shape, " ",
            name_of(entry.dtype), " has ", entry.end - entry.begin, " bytes");
    at = entry.end;
  }
  require(at == data_bytes, "the arrays end at byte ", at, " of ", data_bytes, " bytes of data");
  return header;
}

std::string header_text(const Header& header, const std::string& who) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) json[kMetadata] = header.metadata;
  for (const Entry& entry : header.entries) {
    std::vector<Index> dims;
    for (int i = 0; i < entry.shape.rank(); ++i) dims.push_back(entry.shape[i]);
    json[entry.name] = {{"dtype", name_of(entry.dtype)},
                        {"shape", dims},
                        {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = json_text(json, "[safetensors] " + who);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace kindling::safetensors

#include "learner/files/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#include "data/read_file.h"
#include "engine/error.h"
#include "learner/files/atomic_file.h"

namespace kindling {

static_assert(std::endian::native == std::endian::little, "the numbers are written as they lie");

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxNpyHeader = 10'000;  // numpy.lib.format's own
constexpr std::size_t kAlignment = 64;

struct NpyHeader {
  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<Index>> dims;
};

/// The little of Python's literals that a header may consist of.
class Literal {
 public:
  Literal(std::string_view text, const std::string& who) : text_(text), who_(who) {}

  NpyHeader dictionary() {
    NpyHeader header;
    expect('{');
    while (!next_is('}')) {
      const std::string name = word();
      expect(':');
      field(name, header);
      if (next_is(',')) continue;
      expect('}');
      break;
    }
    skip_spaces();
    require(at_ + 1 == text_.size() && text_[at_] == '\n', "a line feed, and nothing else");
    require(header.descr && header.fortran && header.dims, "descr, fortran_order and shape");
    return header;
  }

 private:
  void field(const std::string& name, NpyHeader& header) {
    if (name == "descr" && !header.descr)
      header.descr = type();
    else if (name == "fortran_order" && !header.fortran)
      header.fortran = boolean();
    else if (name == "shape" && !header.dims)
      header.dims = tuple();
    else
      require(false, "each of descr, fortran_order and shape once, not '" + name + "'");
  }
  std::string type() {
    skip_spaces();
    require(at_ == text_.size() || text_[at_] != '[', "a type of numbers, not a record");
    return word();
  }
  std::string word() {
    skip_spaces();
    require(at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'), "a word in quotes");
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    require(end != std::string_view::npos, "the end of a word");
    const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
    require(std::all_of(found.begin(), found.end(), [](char c) { return c >= ' ' && c <= '~'; }) &&
                found.find('\\') == std::string_view::npos,
            "plain letters in a word");
    at_ = end + 1;
    return std::string(found);
  }
  bool boolean() {
    skip_spaces();
    for (const bool value : {false, true}) {
      const std::string_view name = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(name)) continue;
      at_ += name.size();
      return value;
    }
    require(false, "True or False");
    return false;
  }
  /// (), (3,) or (3, 4).
  std::vector<Index> tuple() {
    std::vector<Index> dims;
    expect('(');
    bool comma = true;
    while (!next_is(')')) {
      require(comma, "a comma");
      require(dims.size() < Shape::kMaxRank, str("at most ", int{Shape::kMaxRank}, " axes"));
      dims.push_back(extent());
      comma = next_is(',');
    }
    require(dims.size() != 1 || comma, "a comma behind the only extent");
    return dims;
  }
  Index extent() {
    skip_spaces();
    Index value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    require(error == std::errc() && *begin != '-' && (*begin != '0' || end == begin + 1),
            "an extent");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  void skip_spaces() { at_ = std::min(text_.find_first_not_of(' ', at_), text_.size()); }
  bool next_is(char c) {
    skip_spaces();
    const bool found = at_ < text_.size() && text_[at_] == c;
    at_ += found;
    return found;
  }
  void expect(char c) { require(next_is(c), std::string("'") + c + "'"); }
  void require(bool ok, const std::string& what) const {
    if (!ok) throw Error(str(who_, ": byte ", at_, " of the header: ", what, " expected"));
  }

  std::string_view text_;
  const std::string& who_;
  std::size_t at_ = 0;
};

/// The numbers of a body in row-major order, each handed to put(i, number).
template <class T, class Put>
void each_number(const char* body, bool fortran, const Shape& shape, const Put& put) {
  const auto number = [body](Index i) {
    T value;
    std::memcpy(&value, body + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return value;
  };
  if (!fortran) {
    for (Index i = 0; i < shape.size(); ++i) put(i, number(i));
    return;
  }
  // Where index (i0, i1, ...) lies: i0 + d0 (i1 + d1 (i2 + ...)); the last axis counts fastest.
  std::array<Index, Shape::kMaxRank> index{}, step{};
  for (Index axis = 0, product = 1; axis < shape.rank(); ++axis) {
    step[static_cast<std::size_t>(axis)] = product;
    product *= shape[static_cast<int>(axis)];
  }
  for (Index i = 0, from = 0; i < shape.size(); ++i) {
    put(i, number(from));
    for (int axis = shape.rank(); axis-- > 0;) {
      const auto a = static_cast<std::size_t>(axis);
      from += step[a];
      if (++index[a] < shape[axis]) break;
      from -= step[a] * index[a];
      index[a] = 0;
    }
  }
}

/// The body as an array of To.
template <class From, class To>
NpyArray convert(std::string_view body, bool fortran, const Shape& shape, const std::string& who) {
  ArrayOf<To> array(shape);
  To* out = array.data();
  each_number<From>(body.data(), fortran, shape, [&](Index i, From value) {
    if constexpr (sizeof(From) > sizeof(To) && std::is_integral_v<From>) {
      if (value < std::numeric_limits<To>::min() || value > std::numeric_limits<To>::max())
        throw Error(str(who, ": number ", i, " is ", value, ", which has no room in 32 bits"));
    }
    out[i] = static_cast<To>(value);
  });
  return array;
}

struct NpyType {
  std::string_view descr;
  std::size_t bytes;
  NpyArray (*convert)(std::string_view, bool, const Shape&, const std::string&);
};
constexpr std::array<NpyType, 5> kNpyTypes{{{"<f4", 4, convert<float, Scalar>},
                                            {"<f8", 8, convert<double, Scalar>},
                                            {"<i4", 4, convert<std::int32_t, std::int32_t>},
                                            {"<i8", 8, convert<std::int64_t, std::int32_t>},
                                            {"|u1", 1, convert<std::uint8_t, std::uint8_t>}}};

/// Behind the magic: version and length, then the text. Takes them off the front of `bytes`.
std::string_view take_header(std::string_view& bytes, const std::string& who) {
  const auto require = [&](bool ok, const auto&... parts) {
    if (!ok) throw Error(str(who, ": ", parts...));
  };
  require(bytes.starts_with(kMagic), "is no .npy file: it does not begin with 93 NUMPY");
  require(bytes.size() >= 8, "truncated: ends after ", bytes.size(), " bytes");
  const int major = static_cast<unsigned char>(bytes[6]);
  const int minor = static_cast<unsigned char>(bytes[7]);
  require(major >= 1 && major <= 3 && minor == 0, "is of version ", major, ".", minor,
          ": 1.0, 2.0 or 3.0 expected");
  const std::size_t width = major == 1 ? 2 : 4;
  require(bytes.size() >= 8 + width, "truncated: ends after ", bytes.size(), " bytes");
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, width);
  bytes.remove_prefix(8 + width);
  require(length <= kMaxNpyHeader, "a header of ", length, " bytes: at most ", kMaxNpyHeader,
          " expected");
  require(length <= bytes.size(), "truncated: a header of ", length, " bytes, of which ",
          bytes.size(), " are there");
  const std::string_view header = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return header;
}

template <class T>
constexpr std::string_view descr_of() {
  if constexpr (std::is_same_v<T, std::int32_t>) return "<i8";
  if constexpr (std::is_same_v<T, std::uint8_t>) return "|u1";
  return sizeof(T) == 4 ? "<f4" : "<f8";
}

/// All that stands before the numbers.
std::string header_bytes(std::string_view descr, const Shape& shape) {
  std::string dims;
  for (const Index dim : shape) dims += (dims.empty() ? "" : ", ") + std::to_string(dim);
  if (shape.rank() == 1) dims += ",";
  std::string text =
      str("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", dims, "), }");
  const std::size_t before = kMagic.size() + 4;
  const std::size_t all = (before + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  text.resize(all - before - 1, ' ');
  text += '\n';
  const auto length = static_cast<std::uint16_t>(text.size());
  return std::string(kMagic) + '\1' + '\0' +
         std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

}  // namespace

NpyArray parse_npy(std::string_view bytes, const std::string& who) {
  const std::string_view text = take_header(bytes, who);
  const NpyHeader header = Literal(text, who).dictionary();
  const auto type = std::find_if(kNpyTypes.begin(), kNpyTypes.end(), [&](const NpyType& known) {
    return known.descr == *header.descr;
  });
  if (type == kNpyTypes.end())
    throw Error(who + ": is of type '" + *header.descr + "': <f4, <f8, <i4, <i8 or |u1 expected");
  Shape shape;
  try {
    shape = Shape(std::span<const Index>(*header.dims));
  } catch (const Error& error) {
    throw Error(who + ": " + error.what());
  }
  std::size_t expected = 0;
  const bool fits =
      !__builtin_mul_overflow(static_cast<std::size_t>(shape.size()), type->bytes, &expected);
  if (!fits || expected != bytes.size())
    throw Error(str(who, ": ", shape, " of ", type->descr, " has ", bytes.size(), " bytes",
                    fits ? str(": ", expected, " expected") : ""));
  return type->convert(bytes, *header.fortran, shape, who);
}

std::string npy_bytes(const NpyArray& array, const std::string& who) {
  return std::visit(
      [&]<class T>(const ArrayOf<T>& a) {
        if (!a.defined()) throw Error(who + ": the array is undefined");
        std::string bytes = header_bytes(descr_of<T>(), a.shape());
        const auto append = [&bytes](const auto& number) {
          bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
        };
        if constexpr (std::is_same_v<T, std::int32_t>) {
          for (const T number : a.values()) append(static_cast<std::int64_t>(number));
        } else {
          bytes.append(reinterpret_cast<const char*>(a.data()), a.values().size_bytes());
        }
        return bytes;
      },
      array);
}

NpyArray read_npy(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, "npy");
  return parse_npy(bytes, str("[npy] ", path));
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  write_file_atomically(path.string(), npy_bytes(array, str("[npy] ", path)), "npy");
}

Array as_scalars(const NpyArray& array) {
  return std::visit(
      []<class T>(const ArrayOf<T>& a) {
        if constexpr (std::is_same_v<T, Scalar>) return a;
        Array result(a.shape());
        std::transform(a.values().begin(), a.values().end(), result.data(),
                       [](T number) { return static_cast<Scalar>(number); });
        return result;
      },
      array);
}

IntArray as_integers(const NpyArray& array, const std::string& who) {
  if (const IntArray* integers = std::get_if<IntArray>(&array)) return *integers;
  const ByteArray* bytes = std::get_if<ByteArray>(&array);
  if (!bytes) throw Error(who + ": whole numbers expected, got fractions (f4 or f8)");
  IntArray result(bytes->shape());
  std::copy(bytes->values().begin(), bytes->values().end(), result.data());
  return result;
}

}  // namespace kindling

#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "data/idx.h"
#include "learner/files/checkpoint.h"
#include "learner/files/state_dict.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/data/idx_files.h"
#include "tests/learner/small_fit.h"
#include "tests/plot/picture.h"

/// The files that test_corruption.cpp damages, and what a program makes of what is left.
namespace kindling::test {

/// What reading a damaged file comes to.
enum class Outcome {
  rejected,  ///< An Error that names the file.
  same,      ///< All is as in the whole file.
  number,    ///< All, but for one number.
  wrong,
};

struct Victim {
  std::string name, bytes;
  std::function<Outcome(const std::string& path)> read;
  bool guarded = true;  ///< Something tells when a number is another.
};

inline void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// The outcome of `compare`, which reads the file.
template <class Compare>
Outcome outcome(const std::string& path, const Compare& compare) {
  try {
    return compare();
  } catch (const Error& error) {
    const bool named = std::string(error.what()).find(path) != std::string::npos;
    return named ? Outcome::rejected : Outcome::wrong;
  }
}

/// The same names and shapes, and the same numbers, but for one at most.
inline Outcome compare(const NamedArrays& got, const NamedArrays& whole) {
  if (got.arrays.size() != whole.arrays.size()) return Outcome::wrong;
  int different = 0;
  for (const auto& [name, array] : whole.arrays) {
    const Array* other = got.find(name);
    if (!other || other->shape() != array.shape()) return Outcome::wrong;
    for (Index i = 0; i < array.size(); ++i)
      different +=
          std::memcmp(array.data() + i, std::as_const(*other).data() + i, sizeof(Scalar)) != 0;
  }
  return different == 0 ? Outcome::same : different == 1 ? Outcome::number : Outcome::wrong;
}

/// The network whose weights PyTorch has written, see make_weights.py.
inline std::unique_ptr<nn::Sequential> fixture_network() {
  const auto block = [](std::unique_ptr<nn::Module> conv, Index width) {
    auto layers = std::make_unique<nn::Sequential>();
    layers->add(std::move(conv));
    layers->add(nn::make<nn::BatchNorm2d>(width));
    return layers;
  };
  auto model = std::make_unique<nn::Sequential>();
  model->add(block(nn::make<nn::Conv2d>(3, 6, Pair(3, 2), 2, 1), 6));
  model->add(block(nn::make<nn::Conv2d>(6, 4, 1, 1, 0, false), 4));
  model->add(nn::make<nn::Flatten>());
  model->add(nn::make<nn::Linear>(4 * 5 * 6, 7));
  return model;
}

inline std::string fixture() {
  return std::string(KINDLING_SOURCE_DIR) + "/tests/fixtures/weights.safetensors";
}

/// A file of PyTorch's, without a checksum: only a model can tell that a name is not the right one.
inline Victim foreign_weights() {
  const std::shared_ptr<nn::Sequential> model = fixture_network();
  const NamedArrays whole = read_safetensors(fixture());
  const auto read = [model, whole](const std::string& file) {
    return outcome(file, [&] {
      const NamedArrays got = read_safetensors(file);
      NamedArrays weights = got;
      std::erase_if(weights.arrays, [](const auto& a) { return a.first == "x" || a.first == "y"; });
      try {
        load_state_dict(*model, weights);
      } catch (const Error&) {
        return Outcome::rejected;
      }
      return compare(got, whole);
    });
  };
  return {"weights without a checksum", plot::testing::file_bytes(fixture()), read, false};
}

/// The same arrays in a file of ours. All words of the metadata must be there too; where the name
/// of the checksum is hit, that is one word more.
inline Victim own_weights(const std::string& path) {
  const NamedArrays whole = read_safetensors(fixture());
  write_safetensors(path, whole);
  const auto read = [whole](const std::string& file) {
    return outcome(file, [&] {
      const NamedArrays got = read_safetensors(file);
      for (const auto& [word, text] : whole.metadata) {
        const auto found = got.metadata.find(word);
        if (found == got.metadata.end() || found->second != text) return Outcome::wrong;
      }
      return compare(got, whole);
    });
  };
  return {"weights", plot::testing::file_bytes(path), read};
}

/// The proof that a checkpoint is what it was: the fit that goes on from it would save the same.
inline Victim checkpoint(const std::string& path) {
  const auto fit = std::make_shared<SmallFit>(1, 16);
  fit->run(2);
  fit->save(path);
  const std::string whole = plot::testing::file_bytes(path);
  const auto read = [fit, whole, again = path + ".again"](const std::string& file) {
    return outcome(file, [&] {
      fit->restore(Checkpoint(file));
      fit->save(again);
      const bool same = plot::testing::file_bytes(again) == whole;
      std::filesystem::remove(again);
      return same ? Outcome::same : Outcome::wrong;
    });
  };
  return {"checkpoint", whole, read};
}

/// Images of a few grey values, so that there is something to zip.
inline std::string idx_bytes() {
  testing::Bytes bytes = testing::idx_header({40, 28, 28});
  const Array numbers = Random(8).uniform(Shape{40 * 28 * 28}, 0, 12);
  for (const Scalar number : numbers.values()) bytes.push_back(static_cast<std::uint8_t>(number));
  return {bytes.begin(), bytes.end()};
}

inline std::string gzip(const std::string& bytes) {
  const testing::Bytes zipped = testing::gzip({bytes.begin(), bytes.end()});
  return {zipped.begin(), zipped.end()};
}

inline Victim zipped_idx() {
  const std::string whole = idx_bytes();
  const auto read = [whole](const std::string& file) {
    return outcome(file, [&] {
      const ByteArray got = read_idx(file, 3);
      const bool same =
          got.shape() == Shape{40, 28, 28} &&
          std::equal(got.values().begin(), got.values().end(), whole.begin() + 16, whole.end(),
                     [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
      return same ? Outcome::same : Outcome::wrong;
    });
  };
  return {"zipped IDX", gzip(whole), read};
}

}  // namespace kindling::test

// Reads an array file and writes it again: what test_numpy.py compares.
//
//     array_copy FROM.npy TO.npy
//     array_copy FROM.npz TO.npz

#include <cstdio>
#include <exception>
#include <string>

#include "learner/files/npz.h"

int main(int argc, char** argv) {
  using namespace kindling;
  if (argc != 3) return 2;
  try {
    if (std::string(argv[1]).ends_with(".npz"))
      write_npz(argv[2], read_npz(argv[1]));
    else
      write_npy(argv[2], read_npy(argv[1]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "array_copy: %s\n", error.what());
    return 1;
  }
}

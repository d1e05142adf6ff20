#pragma once

#include "bench/workloads.h"

/// Other libraries that compute the same. Each is a file of its own, peer_<name>.cpp, compiled only
/// where CMake finds the library, and enters itself in peers().
namespace kindling::bench {

/// What a peer is able to take part in; what it is not able to stays empty. Each adds one contender
/// or more to the trial.
struct Peer {
  std::string name, version;
  std::function<void(int)> set_threads;
  std::function<void(Trial&, const Matmul&)> matmul = {};
  std::function<void(Trial&, const Conv&, Pass)> conv = {};
  std::function<void(Trial&)> tiny = {};
  std::function<void(Trial&, const Step&)> step = {};
};

/// Those that are there.
std::vector<Peer>& peers();
/// For the initializer of a constant in the peer's file.
bool add_peer(Peer peer);

/// All peers that kindling knows, with the Debian package each comes in, in the order of the
/// table's columns.
struct KnownPeer {
  const char *name, *package;
};
const std::vector<KnownPeer>& known_peers();
bool has_peer(const std::string& name);

/// Ours and all peers'.
void set_threads_everywhere(int threads);

}  // namespace kindling::bench

#include "bench/peers.h"

#include <algorithm>

#include "engine/parallel.h"

namespace kindling::bench {

std::vector<Peer>& peers() {
  static std::vector<Peer> list;
  return list;
}

bool add_peer(Peer peer) {
  peers().push_back(std::move(peer));
  return true;
}

const std::vector<KnownPeer>& known_peers() {
  static const std::vector<KnownPeer> known{{"Eigen", "libeigen3-dev"},
                                            {"OpenBLAS", "libopenblas-openmp-dev"},
                                            {"oneDNN", "libdnnl-dev"},
                                            {"libtorch", "libtorch-dev"}};
  return known;
}

bool has_peer(const std::string& name) {
  return std::any_of(peers().begin(), peers().end(), [&](const Peer& p) { return p.name == name; });
}

void set_threads_everywhere(int threads) {
  for (const Peer& peer : peers()) peer.set_threads(threads);
  set_threads(threads);
}

}  // namespace kindling::bench

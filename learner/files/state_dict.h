#pragma once

#include "learner/files/safetensors.h"
#include "nn/module.h"

namespace kindling {

inline namespace KINDLING_PRECISION {

/// Parameters, then buffers, of a model by their paths, as PyTorch's state_dict has them: under its
/// names and in its layouts. Copies.
///
///                      here                     PyTorch, and in files
///     Conv2d.weight    (KH, KW, C_in, C_out)    (C_out, C_in, KH, KW)
///     Linear.weight    (in, out)                (out, in)
///     all others       the same
NamedArrays state_dict(nn::Module& model);

/// Puts the arrays into the model, all of them or none: throws Error that lists every name that is
/// missing, every one that the model does not have, and every shape that differs.
/// A BatchNorm's num_batches_tracked, which old files lack, may be missing.
void load_state_dict(nn::Module& model, const NamedArrays& state);

}  // namespace KINDLING_PRECISION

}  // namespace kindling

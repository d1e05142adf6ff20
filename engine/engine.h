#pragma once

/// Everything of the engine that a model, a data set or a program needs.
#include "engine/error.h"            // IWYU pragma: export
#include "engine/ops/activation.h"   // IWYU pragma: export
#include "engine/ops/conv.h"         // IWYU pragma: export
#include "engine/ops/elementwise.h"  // IWYU pragma: export
#include "engine/ops/histogram.h"    // IWYU pragma: export
#include "engine/ops/layout.h"       // IWYU pragma: export
#include "engine/ops/loss.h"         // IWYU pragma: export
#include "engine/ops/matmul.h"       // IWYU pragma: export
#include "engine/ops/norm.h"         // IWYU pragma: export
#include "engine/ops/pool.h"         // IWYU pragma: export
#include "engine/ops/reduce.h"       // IWYU pragma: export
#include "engine/random.h"           // IWYU pragma: export
#include "engine/tape.h"             // IWYU pragma: export
#include "engine/tensor.h"           // IWYU pragma: export

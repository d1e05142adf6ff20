#!/bin/sh
# Every program of the book, short: that it ends well, what it prints, and its picture.
#
#     test_book.sh FOLDER-OF-PROGRAMS
set -u
programs=$(CDPATH='' cd -- "$1" && pwd -P) || exit 1
. "$(dirname -- "$0")/checks.sh"

# Threads that wait for each other should not take the time of those that work.
export OMP_WAIT_POLICY=passive

# chapter NAME [PICTURE...]: ends with status 0, prints only the machine on stderr, and draws these.
chapter() {
  name=$1
  shift
  quiet "$programs/$name" --short
  LC_ALL=C grep -qi 'nan\|inf\b' "$name" && fail "$name: no numbers: $(cat "$name")"
  for drawn; do picture "$drawn"; done
}

# holds NAME TEXT CONDITION: a line that begins so is there, and its fields ($1, ...) fulfil all of it.
holds() {
  awk -v text="$2" "index(\$0, text) == 1 { found = 1; if (!($3)) wrong = 1 }
    END { exit !found || wrong }" "$1" || fail "$1: '$2' with $3 expected: $(cat "$1")"
}

chapter 01_matmul  # which compares the numbers itself
holds 01_matmul 'ours ' '$2 > 0 && $3 > 2'
chapter 02_gradient_by_hand
holds 02_gradient_by_hand 'at most' '$7 + 0 < 1e-4 && $9 + 0 < 1e-6'
chapter 03_training_loop
holds 03_training_loop 'epoch 2' '$10 > 0.6'
chapter 04_basic_learner
holds 04_basic_learner 'Completed 25 batches' 1  # 20 of training, 5 of validation
holds 04_basic_learner 'epoch 0  valid' '$5 > 0.3'
holds 04_basic_learner 'Cancelled after batch 1:' 1
chapter 05_learner
holds 05_learner 'before_fit before_epoch batch 0: predict loss backward step after_batch cleanup_batch' 1
holds 05_learner '    batch 1: predict loss after_batch cleanup_batch' 1
holds 05_learner '    batch 2: predict cleanup_batch' 1
holds 05_learner '    batch 3: predict cleanup_batch' 1
holds 05_learner '    cleanup_epoch after_fit cleanup_fit' 1
holds 05_learner 'enough after' '$8 >= 0.7 && $3 < 10'
chapter 06_hooks 06_hooks.png 06_color_dim.png
holds 06_hooks 'layer 0' '$5 == $7 && $7 == $9 && $6 == $8 && $8 == $10'
holds 06_hooks 'layer 4' '$5 == $7 && $7 == $9 && $6 == $8 && $8 == $10'
chapter 07_init 07_init.png
holds 07_init 'std 1' '$4 / $3 > 1e10'
holds 07_init 'std 0.01' '$4 / $3 < 1e-10'
holds 07_init 'Kaiming' '$3 / $2 > 0.2 && $3 / $2 < 5 && $4 / $5 > 0.2 && $4 / $5 < 5'
chapter 08_batch_norm 08_batch_norm.png
holds 08_batch_norm '     0.1' '$3 > $2'
holds 08_batch_norm '       1' '$3 > $2 + 0.1'
chapter 09_schedules 09_schedules.png 09_shapes.png
holds 09_schedules 'one cycle' '$3 > 0.5'
chapter 10_resnet 10_resnet.png
holds 10_resnet '           6' '$2 > 0.1 && $3 > 0.1'

"$programs/01_matmul" --fast >stdout 2>stderr
[ $? = 2 ] && [ ! -s stdout ] && grep -qx '01_matmul: --short or nothing expected, not --fast' stderr ||
  fail "an unknown option: $(cat stdout stderr)"

finish

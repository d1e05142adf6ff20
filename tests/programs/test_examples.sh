#!/bin/sh
# The short programs: that each ends well, and what it prints and draws.
#
#     test_examples.sh FOLDER-OF-PROGRAMS
set -u
programs=$(CDPATH='' cd -- "$1" && pwd -P) || exit 1
. "$(dirname -- "$0")/checks.sh"
export OMP_WAIT_POLICY=passive

# example NAME [ARGUMENTS...]
example() {
  name=$1
  shift
  quiet "$programs/$name" "$@"
}
# accurate LEAST: the last number that was printed is an accuracy, and not a lower one.
accurate() {
  awk -v least="$1" '{ last = $NF } END { exit !(last >= least && last <= 1) }' "$name" ||
    fail "$name: an accuracy of at least $1 expected: $(cat "$name")"
}

example look_inside
picture color_dim.png
# The callback of its own ends it: at the first validation above 0.8, which is the last row.
awk '$2 == "valid" { if ($4 > 0.8) above++; last = $4 } END { exit !(above == 1 && last > 0.8) }' stderr ||
  fail "look_inside: one validation above 0.8, the last, expected: $(cat stderr)"

example lr_find
picture lr_find.png
awk '/^suggestion: lr / { found = $3 > 1e-3 && $3 < 1 } END { exit !found }' lr_find ||
  fail "lr_find: a suggestion between 0.001 and 1 expected: $(cat lr_find)"

# What a drawing that was interrupted has left is not taken for the images.
mkdir -p shapes.tmp/circle && echo 'half of one' >shapes.tmp/circle/0.png
example own_images
accurate 0.95
[ "$(find shapes -name '*.png' | wc -l)" = 900 ] && [ ! -e shapes.tmp ] || fail "own_images: 900 images expected: $(ls)"
# Classes may be called anything.
mkdir -p 'mine/größe' 'mine/形'
for n in 0 1 2 3 4 5 6 7 8 9; do
  cp shapes/circle/$n.png "mine/größe/$n 形.png" && cp shapes/square/$n.png "mine/形/$n.png"
done
example own_images mine
grep -q '^20 images of 2 classes, accuracy ' own_images || fail "own_images mine: $(cat own_images)"
example own_table
accurate 0.95
[ "$(wc -l <spirals.csv)" = 1501 ] || fail "own_table: 1501 lines expected"
# The same from a file of one's own; a table that makes no sense is one line that names the place.
mv spirals.csv mine.csv
example own_table mine.csv
accurate 0.95
# Of 41 rows 33 are trained on, and the last batch of 32 would be a single one.
awk 'NR == 1 || NR % 37 == 2' mine.csv >few.csv
example own_table few.csv
grep -q '^41 rows of 3 classes' own_table || fail "own_table few.csv: $(cat own_table)"
printf 'x,y,arm\n1,2,a\n3,oops,b\n' >bad.csv
"$programs/own_table" bad.csv >out 2>stderr && fail 'own_table: a bad table is accepted'
grep -q '"bad.csv":3' stderr || fail "own_table: file and line expected: $(cat stderr)"

finish

#!/bin/sh
# The tape in a picture and in dot: test_draw_tape.sh PROGRAM. Graphviz reads the latter, where it is
# installed.
set -u
program=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

"$program" >stdout 2>stderr || fail "status $?: $(cat stderr)"
grep -qx 'wrote tape.png and tape.dot' stdout || fail "stdout: $(cat stdout)"
# Two products with their biases, an activation and a loss, there and back.
[ "$(awk '/^forward/ { way = 1 } /^backward/ { way = 2 } /^  [a-z]/ { n[way]++ } END { print n[1], n[2] }' stdout)" = '6 6' ] || fail "the trace: $(cat stdout)"
[ "$(head -c 4 tape.png | tail -c 3)" = PNG ] || fail 'tape.png is no picture'
if command -v dot >/dev/null; then
  dot -Tsvg tape.dot >tape.svg 2>errors || fail "dot: $(cat errors)"
  [ ! -s errors ] || fail "dot says: $(cat errors)"
  # Four parameters, the input, six ops; every node and every edge is a group of its own.
  [ "$(grep -c 'class="node"' tape.svg)" = 11 ] || fail '11 nodes expected'
  [ "$(grep -c 'class="edge"' tape.svg)" = 10 ] || fail '10 edges expected'
  grep -q '>0.weight<' tape.svg || fail 'no 0.weight'
else
  echo 'skipped: what Graphviz makes of the file (Debian: graphviz)'
fi
[ "$failures" = 0 ] && echo 'all as expected'
[ "$failures" = 0 ]

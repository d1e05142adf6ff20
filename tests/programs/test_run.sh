#!/bin/sh
# The script `run`, as far as it needs no build: what it says of a command line that makes no sense.
#
#     test_run.sh RUN
set -u
program=$1
. "$(dirname -- "$0")/checks.sh"

# misused TEXT ARGUMENTS...: ends with status 2, the last line says why, and nothing is done.
misused() {
  text=$1
  shift
  start "$@"
  [ "$status" = 2 ] || fail "$*: status $status, 2 expected"
  [ "$(tail -n 1 stderr)" = "run: $text" ] || fail "$*: 'run: $text' expected: $(cat stderr)"
  [ ! -s stdout ] || fail "$*: nothing expected on stdout: $(cat stdout)"
}

misused 'unknown command: fashon-mnist' fashon-mnist --recipe quick
misused "book: a chapter from 1 to 10 expected, got '11'" book 11
misused "book: a chapter from 1 to 10 expected, got ''" book
misused "fuzz: a number of runs expected, got 'many'" fuzz many
for words in '' help --help; do
  # shellcheck disable=SC2086 # nothing at all, too
  start $words
  [ "$status" = 0 ] && grep -q '^Status: ' stdout || fail "'$words': status $status: $(cat stdout stderr)"
done

finish

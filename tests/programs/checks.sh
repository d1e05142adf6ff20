# What tests of programs from outside share; to be sourced. Goes to an empty folder that is gone at
# the end. The caller sets $program, if it uses start().
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Runs the program with these arguments; leaves stdout, stderr and the status in stdout, stderr, $status.
start() {
  "$program" "$@" >stdout 2>stderr </dev/null
  status=$?
}

# Runs a program that makes no fuss: `quiet PROGRAM ARGUMENTS...` leaves its stdout in a file of its name, and stderr.
quiet() {
  name=$(basename -- "$1")
  "$@" >"$name" 2>stderr </dev/null || fail "$name: $(cat stderr)"
}
picture() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] || fail "$name: $1 is no picture"; }

# The last line of a test.
finish() {
  [ "$failures" = 0 ] && echo 'all as expected'
  [ "$failures" = 0 ]
}

#!/bin/sh
# Every public header can be included alone: test_headers.sh CMAKE BUILD-FOLDER. A long test the first
# time (KINDLING_LONG=1), nothing afterwards but for headers that have changed.
[ -n "${KINDLING_LONG:-}" ] || { echo 'skipped: KINDLING_LONG=1 compiles every header alone'; exit 77; }
exec "$1" --build "$2" --target all_verify_interface_header_sets

#!/bin/sh
# A test that asks Python, or one of its packages, for an opinion; left out where they are missing.
#
#     with_python.sh MODULE SCRIPT ARGUMENTS...
#
# MODULE is what the script cannot do without ("json" when it is Python alone). Ends with 77 when
# it is not there, which ctest counts as skipped.
set -u
module=$1
shift
# Debian's own Python is the one that Debian's packages are for.
for python in /usr/bin/python3 python3; do
  "$python" -c "import $module" 2>/dev/null && exec "$python" -B "$@"
done
case $module in
  json) package=python3 ;;
  *) package=python3-$module ;;
esac
echo "skipped: no Python that has '$module' (Debian: $package)"
exit 77

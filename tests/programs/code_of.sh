#!/bin/sh
# The C++ of a page, every ```cpp block one behind the other, as a program: what a reader would copy.
# The compiler names the page and its lines.
#
#     code_of.sh PAGE.md PROGRAM.cpp
exec awk -v page="$1" '
  /^```cpp$/ { code = 1; print "#line " NR + 1 " \"" page "\""; next }
  /^```$/ { code = 0 }
  code' "$1" >"$2"

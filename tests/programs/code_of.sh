#!/bin/sh
# The C++ of a page, every ```cpp block one behind the other, as a program: what a reader would copy.
# The compiler names the page and its lines.
#
#     code_of.sh PAGE.md PROGRAM.cpp
#     code_of.sh PAGE.md FILE LANGUAGE N      the N-th block of another language, from 1
exec awk -v page="$1" -v language="${3:-cpp}" -v only="${4:-0}" '
  $0 == "```" language {
    code = !only || ++n == only
    if (language == "cpp") print "#line " NR + 1 " \"" page "\""
    next
  }
  /^```$/ { code = 0 }
  code' "$1" >"$2"

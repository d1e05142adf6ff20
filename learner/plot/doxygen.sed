# Plain comments as Doxygen reads them: the first of a file is about the file, one on a line of its own
# about what follows, one at the end of a line about what stands before it.
/^ *\/\/ ---/d
/NOLINT/b
1s#^// #/// @file\n/// #
s#^( *)// #\1/// #
s#([;,{)] +)// #\1///< #

"""What bench/compare is made of: comparing runs of benchmarks that are written in Go's text format.

parse reads the files, units knows what the units mean, benchmath has the statistics, tables brings results of all
files together, and text and asjson write them. No part but parse and the script itself touches a file.
"""

"""Plots as SVG, written by hand: what bench/plot and bench/hey-percentiles draw with."""

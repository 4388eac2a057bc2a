"""What bench/quiet is made of.

system reads and writes files of /sys and /proc, cpus chooses CPUs, settings says what to change, state remembers what
was there before, keeper puts it back, lock keeps others out, load looks for what disturbs, child runs the command.
"""

/* main.c - the runtime's own benchmarks: bench/suite -bench=. (make bench runs it on both heaps).
 *
 * Each file beside this one measures one part of the runtime. What they print is for benchstat, which tells two builds,
 * or the two heaps, apart; ratios to other people's work are bench/run-*'s. Of what allocates nothing, B/op and
 * allocs/op are not reported unless -benchmem asks: benchstat has no geometric mean of noughts, and says so each time.
 */
#include <rt_bench.h>

#include "runtime/cruntime.h"

int main(int argc, char **argv)
{
    rt_bench_config("heap", rt_allocator());
    return rt_bench_main(argc, argv, "cruntime/bench/suite");
}

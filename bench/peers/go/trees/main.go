// Command trees is Go's side of bench/run-trees: the trees of bench/binary_trees.c, node for node, and the same line
// at the end. GOGC plays the part of CGC.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const (
	depthMin = 4
	depthMax = 24
)

type node struct{ left, right *node }

var longLived *node

func grow(depth int) *node {
	n := new(node)
	if depth > 0 {
		n.left = grow(depth - 1)
		n.right = grow(depth - 1)
	}
	return n
}

func count(n *node) uint64 {
	if n.left == nil {
		return 1
	}
	return 1 + count(n.left) + count(n.right)
}

func nodesOf(depth int) uint64 { return 2<<depth - 1 }

func expect(got, want uint64) {
	if got != want {
		fmt.Fprintf(os.Stderr, "trees: counted %d nodes, built %d\n", got, want)
		os.Exit(1)
	}
}

func churn(depth, depthMost int) {
	trees := uint64(1) << (depthMost - depth + depthMin)
	nodes := uint64(0)
	for i := uint64(0); i < trees; i++ {
		nodes += count(grow(depth))
	}
	expect(nodes, trees*nodesOf(depth))
}

func main() {
	depth := 16
	var err error
	if len(os.Args) > 1 {
		depth, err = strconv.Atoi(os.Args[1])
	}
	if len(os.Args) > 2 || err != nil || depth < depthMin || depth > depthMax {
		fmt.Fprintf(os.Stderr, "usage: trees [depth %d..%d]\n", depthMin, depthMax)
		os.Exit(2)
	}
	begin := time.Now()
	longLived = grow(depth)
	for d := depthMin; d <= depth; d += 2 {
		churn(d, depth)
	}
	expect(count(longLived), nodesOf(depth))
	seconds := time.Since(begin).Seconds()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Printf("binary_trees depth=%d allocator=go cycles=%d seconds=%.4f pause_seconds=%.4f sys_bytes=%d\n",
		depth, stats.NumGC, seconds, float64(stats.PauseTotalNs)/1e9, stats.Sys)
}

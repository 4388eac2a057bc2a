module cruntime/bench

go 1.19

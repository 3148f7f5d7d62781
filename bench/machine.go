package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A machineWatch measures how much CPU other programs used meanwhile.
type machineWatch struct {
	begin        time.Time
	busy, stolen float64 // seconds of all cores
	own          float64
}

func watchMachine() machineWatch {
	b := machineWatch{begin: time.Now(), own: ownCPU()}
	b.busy, b.stolen = machineCPU()
	return b
}

// report must be called after all processes of the driver have ended.
func (b machineWatch) report(cores int) string {
	busy, stolen := machineCPU()
	all := time.Since(b.begin).Seconds() * float64(cores) / 100
	if busy == 0 || all == 0 {
		return unknown
	}
	others := max(0, busy-b.busy-(ownCPU()-b.own))
	return fmt.Sprintf("%.0f %% of the cores, the host %.0f %%", others/all, (stolen-b.stolen)/all)
}

// ownCPU is what the driver and those of its processes that have ended used.
func ownCPU() float64 {
	var sum float64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err == nil {
			sum += seconds(r.Utime) + seconds(r.Stime)
		}
	}
	return sum
}

// machineCPU reads what all processes used and what the host of a virtual machine took,
// or zeros.
func machineCPU() (busy, stolen float64) {
	fields := strings.Fields(firstLine("/proc/stat")) // cpu user nice system idle iowait irq softirq steal
	if len(fields) < 9 {
		return 0, 0
	}
	const ticks = 100 // a second, on every architecture that Go runs on
	at := func(i int) float64 {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0
		}
		return n / ticks
	}
	return at(1) + at(2) + at(3), at(8)
}

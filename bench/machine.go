package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A bystander tells how much of the machine others had while something was measured.
type bystander struct {
	begin       time.Time
	busy, stole float64 // seconds of all cores
	own         float64
}

func watchBystanders() bystander {
	b := bystander{begin: time.Now(), own: ownCPU()}
	b.busy, b.stole = machineCPU()
	return b
}

// report is to be called when all processes of the driver have ended.
func (b bystander) report(cores int) string {
	busy, stole := machineCPU()
	all := time.Since(b.begin).Seconds() * float64(cores) / 100
	if busy == 0 || all == 0 {
		return unknown
	}
	others := max(0, busy-b.busy-(ownCPU()-b.own))
	return fmt.Sprintf("%.0f %% of the cores, the host %.0f %%", others/all, (stole-b.stole)/all)
}

// ownCPU is what the driver and its processes used that have ended.
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

// machineCPU reads what all processes used and what the host of a virtual machine
// took away, or zeros.
func machineCPU() (busy, stole float64) {
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

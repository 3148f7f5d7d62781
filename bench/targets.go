package main

import (
	"fmt"
	"math"
)

// A target is a figure that cosgate is to reach.
type target struct {
	what    string
	atLeast bool // otherwise at most
	want    float64
	got     float64
}

func (t target) reached() string {
	switch {
	case math.IsNaN(t.got):
		return "not measured"
	case t.atLeast && t.got >= t.want, !t.atLeast && t.got <= t.want:
		return "yes"
	}
	return "no"
}

func (t target) bound() string {
	if t.atLeast {
		return "≥ " + number(t.want, 2)
	}
	return "≤ " + number(t.want, 2)
}

// targetTable compares the figures with the targets.
func (r *results) targetTable() table {
	var all []target
	for _, t := range r.transfers {
		all = append(all, t.targets()...)
	}
	for _, c := range r.calls {
		all = append(all, c.targets()...)
	}
	for _, m := range r.memory {
		if m.variant.name == nameCosgate {
			all = append(all, target{
				what: "memory: KiB for each of the " + m.scenario + ", at the peak", want: memoryTarget(m.scenario), got: m.perStream(m.peak),
			})
		}
	}
	out := table{title: "Targets", head: []string{"measure", "target", "got", "reached"}}
	for _, t := range all {
		out.rows = append(out.rows, []string{t.what, t.bound(), number(t.got, 2), t.reached()})
	}
	return out
}

func memoryTarget(scenario string) float64 {
	switch scenario {
	case slowReaders:
		return 100
	case slowWriters:
		return 150
	default:
		return 400
	}
}

// limits are the targets of one method.
type limits struct {
	cpuHTTP, cpuNaive    float64 // at most
	ordinary, tuned, sdk float64 // at minimal
	allocs               float64 // at most, for each message; 0 is none
}

func limitsOf(method string) limits {
	if method == measureGet {
		return limits{cpuHTTP: 1.45, cpuNaive: 0.5, ordinary: 0.6, tuned: 0.75, sdk: 1.8, allocs: 8}
	}
	return limits{cpuHTTP: 1.15, cpuNaive: 0.4, ordinary: 0.95, tuned: 0.95, sdk: 1.8}
}

func (t transferResult) targets() []target {
	l := limitsOf(t.method)
	ordinary, best := find(t.rows, nameCosgate), find(t.rows, nameTuned)
	http, sdk := find(t.rows, nameHTTP), find(t.rows, nameNaive)
	name := func(s string) string { return fmt.Sprintf("%s, streams: %d: %s", t.method, t.streams, s) }
	compare := func(r, base row, pick func(cost) float64) float64 {
		return r.series(pick).over(base.series(pick)).median()
	}
	all := []target{
		{name("gateway CPU × httpgw"), false, l.cpuHTTP, compare(ordinary, http, gatewayCPU)},
		{name("gateway CPU × httpgw, tuned client"), false, l.cpuHTTP, compare(best, http, gatewayCPU)},
		{name("gateway CPU × naive"), false, l.cpuNaive, compare(ordinary, sdk, gatewayCPU)},
		{name("gateway CPU × naive, tuned client"), false, l.cpuNaive, compare(best, sdk, gatewayCPU)},
		{name("MiB/s × httpgw"), true, l.ordinary, compare(ordinary, http, throughput)},
		{name("MiB/s × httpgw, tuned client"), true, l.tuned, compare(best, http, throughput)},
		{name("MiB/s × naive, tuned client"), true, l.sdk, compare(best, sdk, throughput)},
	}
	if l.allocs > 0 {
		all = append(all, target{name("allocations per message"), false, l.allocs, ordinary.series(messageAllocs).median()})
	}
	return all
}

func (c callResult) targets() []target {
	ours, sdk, minimal := find(c.rows, nameCosgate), find(c.rows, nameNaive), find(c.rows, nameMinimal)
	rate := ours.series(callRate)
	return []target{
		{"head: calls/s × naive", true, 2, rate.over(sdk.series(callRate)).median()},
		{"head: calls/s × minimal", true, 0.7, rate.over(minimal.series(callRate)).median()},
		{"head: allocations per call", false, 130, ours.series(callAllocs).median()},
	}
}

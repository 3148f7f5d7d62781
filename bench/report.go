package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// A table is one part of the report.
type table struct {
	title string
	head  []string
	rows  [][]string
}

// print writes the report with form.
func (r *results) print(w io.Writer, form func(io.Writer, []table) error) error {
	tables := []table{r.environmentTable()}
	for _, t := range r.transfers {
		tables = append(tables, r.transferTable(t))
	}
	for _, c := range r.calls {
		tables = append(tables, r.callTable(c))
	}
	if len(r.memory) > 0 {
		tables = append(tables, r.memoryTable())
	}
	return form(w, append(tables, r.targetTable()))
}

func (r *results) environmentTable() table {
	e := r.environment
	return table{title: "Run", head: []string{"what", "value"}, rows: [][]string{
		{"commit", e.commit},
		{"kernel", e.kernel},
		{"TCP congestion control", e.congestion},
		{"processor", fmt.Sprintf("%s, %d cores for all processes", e.processor, e.cores)},
		{"used by others meanwhile", r.others},
		{"Go", e.golang},
		{"grpc-go", e.grpc},
		{"cos-go-sdk-v5 (naive)", e.sdk},
		{"object", strconv.FormatInt(r.options.size>>20, 10) + " MiB"},
		{"rounds", strconv.Itoa(r.options.rounds)},
		{"gRPC connections of a client", strconv.Itoa(r.options.conns)},
		{"time taken", r.took.Round(time.Second).String()},
	}}
}

// gib is the unit for the CPU time of a transfer.
const gib = 1 << 30

// The figures of a transfer.
func throughput(c cost) float64    { return float64(c.Bytes) / (1 << 20) / c.Seconds }
func gatewayCPU(c cost) float64    { return c.gateway.CPU * gib / float64(c.Bytes) }
func upstreamCPU(c cost) float64   { return c.upstream.CPU * gib / float64(c.Bytes) }
func clientCPU(c cost) float64     { return c.client.CPU * gib / float64(c.Bytes) }
func peakMiB(c cost) float64       { return float64(c.gateway.Peak) / (1 << 20) }
func allocated(c cost) float64     { return float64(c.gateway.AllocBytes) / float64(c.Bytes) * 1024 }
func messageAllocs(c cost) float64 { return float64(c.gateway.Allocs) / float64(c.Messages) }
func messageSize(c cost) float64   { return float64(c.Bytes) / float64(c.Messages) / 1024 }

// The figures of calls.
func callRate(c cost) float64   { return float64(c.Calls) / c.Seconds }
func p50(c cost) float64        { return c.P50 * 1e3 }
func p99(c cost) float64        { return c.P99 * 1e3 }
func callCPU(c cost) float64    { return c.gateway.CPU * 1e6 / float64(c.Calls) }
func callAllocs(c cost) float64 { return float64(c.gateway.Allocs) / float64(c.Calls) }

func (r *results) transferTable(t transferResult) table {
	out := table{
		title: fmt.Sprintf("%s %d MiB, streams: %d", t.method, r.options.size>>20, t.streams),
		head: []string{
			"variant", "MiB/s (min–max)", "× httpgw", "× naive", "gateway CPU s/GiB (min–max)", "× httpgw", "× naive",
			"upstream CPU", "client CPU", "KiB/message", "allocs/message", "MiB allocated/GiB", "peak RSS MiB",
		},
	}
	http, sdk := find(t.rows, nameHTTP), find(t.rows, nameNaive)
	for _, v := range t.rows {
		speed := v.series(throughput)
		line := []string{
			v.variant.name, spread(speed, 0), ratio(speed, http.series(throughput)), ratio(speed, sdk.series(throughput)),
		}
		if v.variant.gateway == "" {
			line = append(line, none, none, none)
		} else {
			cpu := v.series(gatewayCPU)
			line = append(line, spread(cpu, 3), ratio(cpu, http.series(gatewayCPU)), ratio(cpu, sdk.series(gatewayCPU)))
		}
		line = append(line, number(v.series(upstreamCPU).median(), 3), number(v.series(clientCPU).median(), 3))
		out.rows = append(out.rows, append(line, transferMemory(v)...))
	}
	return out
}

// transferMemory returns the last four columns.
func transferMemory(v row) []string {
	out := []string{none, none, none, none}
	if v.variant.client != clientHTTP {
		out[0] = number(v.series(messageSize).median(), 0)
		out[1] = number(v.series(messageAllocs).median(), 1)
	}
	if v.variant.gateway != "" {
		out[2] = number(v.series(allocated).median(), 1)
		out[3] = number(v.series(peakMiB).median(), 0)
	}
	return out
}

func (r *results) callTable(c callResult) table {
	out := table{
		title: fmt.Sprintf("HeadObject, %d callers", c.callers),
		head: []string{
			"variant", "calls/s (min–max)", "× naive", "× minimal", "p50 ms", "p99 ms", "gateway CPU µs/call (min–max)", "allocs/call",
			"peak RSS MiB",
		},
	}
	sdk, minimal := find(c.rows, nameNaive), find(c.rows, nameMinimal)
	for _, v := range c.rows {
		speed := v.series(callRate)
		line := []string{
			v.variant.name, spread(speed, 0), ratio(speed, sdk.series(callRate)), ratio(speed, minimal.series(callRate)),
			number(v.series(p50).median(), 2), number(v.series(p99).median(), 2), none, none, none,
		}
		if v.variant.gateway != "" {
			line[6], line[7] = spread(v.series(callCPU), 1), number(v.series(callAllocs).median(), 0)
			line[8] = number(v.series(peakMiB).median(), 0)
		}
		out.rows = append(out.rows, line)
	}
	return out
}

func (r *results) memoryTable() table {
	out := table{
		title: fmt.Sprintf("Memory of the gateway, slow callers at %d KiB/s, watched for %s", r.options.slowRate>>10, r.options.hold),
		head:  []string{"scenario", "variant", "streams", "idle MiB", "peak MiB", "KiB/stream at the peak", "KiB/stream steady", "MiB moved"},
	}
	for _, m := range r.memory {
		out.rows = append(out.rows, []string{
			m.scenario, m.variant.name, strconv.Itoa(m.streams),
			number(float64(m.idle)/(1<<20), 0), number(float64(m.peak)/(1<<20), 0),
			number(m.perStream(m.peak), 0), number(m.perStream(m.steady), 0), number(float64(m.moved)/(1<<20), 0),
		})
	}
	return out
}

// find returns the row of a variant, or one without figures.
func find(rows []row, name string) row {
	for _, r := range rows {
		if r.variant.name == name {
			return r
		}
	}
	return row{}
}

// none is printed where there is no figure.
const none = "–"

func number(f float64, digits int) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return none
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

func spread(s series, digits int) string {
	return fmt.Sprintf("%s (%s–%s)", number(s.median(), digits), number(s.min(), digits), number(s.max(), digits))
}

func ratio(s, base series) string { return number(s.over(base).median(), 2) }

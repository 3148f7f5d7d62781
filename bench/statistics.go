package main

import (
	"math"
	"slices"
)

// A series is one figure over the rounds. NaN is a missing figure.
type series []float64

// median is the middle, or NaN when there is none.
func (s series) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (s series) min() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Min(s)
}

func (s series) max() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Max(s)
}

// over is the ratio within each round: what disturbs a round disturbs both.
func (s series) over(base series) series {
	if len(s) != len(base) {
		return nil
	}
	out := make(series, len(s))
	for i := range s {
		out[i] = s[i] / base[i]
	}
	return out
}

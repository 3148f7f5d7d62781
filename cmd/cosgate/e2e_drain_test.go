//go:build e2e

package main

import "testing"

func TestE2ESIGTERMTwentyTimesWithAHundredStreams(t *testing.T) {
	drainRounds(t, demoProfile(t), 20)
}

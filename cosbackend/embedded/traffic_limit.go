package embedded

import (
	"strconv"
	"time"
)

const (
	headerTrafficLimit = "X-Cos-Traffic-Limit"
	paramTrafficLimit  = "x-cos-traffic-limit"

	// The bounds of a traffic limit in bits a second.
	minTrafficLimit = 819_200
	maxTrafficLimit = 838_860_800

	// piecesPerSecond is how many pieces the bytes of one second are moved in.
	piecesPerSecond = 10
)

// A pacer slows the body of one request, or of its response, down to a traffic
// limit. The zero value is no limit.
type pacer struct {
	rate  int64 // bytes a second
	begun time.Time
	moved int64 // bytes since then
}

// trafficLimit reads the limit of a request: the header, else the parameter
// (E033).
func (x *exchange) trafficLimit() error {
	text := x.header(headerTrafficLimit)
	if text == "" {
		text, _ = x.params.get(paramTrafficLimit)
	}
	if text == "" {
		return nil
	}
	bits, err := strconv.ParseInt(text, 10, 64)
	if err != nil || bits < minTrafficLimit || bits > maxTrafficLimit {
		return fail(invalidArgument, "x-cos-traffic-limit must be a number of bits a second from 819200 to 838860800.")
	}
	x.pace.rate = bits / 8
	return nil
}

// piece is how many of n bytes to move at a time.
func (p *pacer) piece(n int) int {
	if p.rate == 0 {
		return n
	}
	if p.begun.IsZero() {
		p.begun = time.Now()
	}
	return int(min(int64(n), p.rate/piecesPerSecond))
}

// throttle waits until n more bytes are due. It ends early when the client gives up or
// the server closes; whatever moves the bytes notices that by itself.
func (x *exchange) throttle(n int) {
	if x.pace.rate == 0 {
		return
	}
	x.pace.moved += int64(n)
	due := float64(x.pace.moved) / float64(x.pace.rate) * float64(time.Second)
	x.pause(time.Until(x.pace.begun.Add(time.Duration(due))))
}

// pause waits, or returns early when the client gives up or the server closes.
func (x *exchange) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-x.ctx().Done():
	case <-x.s.stop:
	}
}

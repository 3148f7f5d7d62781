package embedded_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const lowestLimit = "819200" // 102,400 bytes a second

func TestTrafficLimitHasBounds(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	id := c.initiate(t, "k")
	for value, status := range map[string]int{
		"819199": 400, "838860801": 400, "-819200": 400, "1e6": 400, "1MB": 400, "99999999999999999999": 400, lowestLimit: 200, "838860800": 200, "": 200,
	} {
		for _, in := range []call{
			{method: "GET", key: "k"},
			{method: "PUT", key: "k", body: []byte("x")},
			{method: "PUT", key: "k", query: partQuery(1, id), body: []byte("x")},
		} {
			code := map[int]string{400: "InvalidArgument"}[status]
			in.header = map[string]string{"x-cos-traffic-limit": value}
			c.do(t, in).want(t, status, code)
			in.header = nil
			in.query += "&x-cos-traffic-limit=" + value
			c.do(t, in).want(t, status, code)
		}
	}
	c.append(t, "log", 0, "x", "x-cos-traffic-limit", "1").want(t, 400, "InvalidArgument")
	c.do(t, call{method: "HEAD", key: "k", header: map[string]string{"x-cos-traffic-limit": lowestLimit}}).want(t, 501, "")
}

// TestTrafficLimitSlowsBodies holds E033.
func TestTrafficLimitSlowsBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		body := strings.Repeat("0123456789", 51_200) // 5 seconds' worth
		c.put(t, "k", body)
		id := c.initiate(t, "part")
		limit := map[string]string{"x-cos-traffic-limit": lowestLimit}
		for name, tt := range map[string]struct {
			in   call
			want time.Duration
		}{
			"PUT":                    {call{method: "PUT", key: "new", body: []byte(body), header: limit}, 5 * time.Second},
			"chunked PUT":            {call{method: "PUT", key: "new", body: []byte(body), header: limit, chunked: true}, 5 * time.Second},
			"PUT by query":           {call{method: "PUT", key: "new", body: []byte(body), query: "x-cos-traffic-limit=1638400"}, 2500 * time.Millisecond},
			"header over query":      {call{method: "PUT", key: "new", body: []byte(body), header: limit, query: "x-cos-traffic-limit=1638400"}, 5 * time.Second},
			"UploadPart":             {call{method: "PUT", key: "part", query: partQuery(1, id), body: []byte(body), header: limit}, 5 * time.Second},
			"AppendObject":           {call{method: "POST", key: "log", query: "append&position=0", body: []byte(body), header: limit}, 5 * time.Second},
			"GET":                    {call{method: "GET", key: "k", header: limit}, 5 * time.Second},
			"GET by query":           {call{method: "GET", key: "k", query: "X-COS-Traffic-Limit=" + lowestLimit}, 5 * time.Second},
			"GET of a range":         {call{method: "GET", key: "k", header: map[string]string{"x-cos-traffic-limit": lowestLimit, "Range": "bytes=0-102399"}}, time.Second},
			"GET of nothing":         {call{method: "GET", key: "k", header: map[string]string{"x-cos-traffic-limit": lowestLimit, "If-None-Match": "*"}}, 0},
			"the highest limit":      {call{method: "GET", key: "k", header: map[string]string{"x-cos-traffic-limit": "838860800"}}, 4882812 * time.Nanosecond},
			"no limit":               {call{method: "GET", key: "k"}, 0},
			"a limit that is empty":  {call{method: "GET", key: "k", query: "x-cos-traffic-limit="}, 0},
			"a small body, unslowed": {call{method: "PUT", key: "new", body: []byte{}, header: limit}, 0},
		} {
			a, _, took := c.timed(t, tt.in)
			if a.StatusCode >= 400 || took != tt.want {
				t.Errorf("%s = %d after %v, want it to take %v", name, a.StatusCode, took, tt.want)
			}
		}
	})
}

// A limit does not bring the bytes in one piece at the end.
func TestTrafficLimitSendsSteadily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		c.put(t, "k", strings.Repeat("x", 512_000))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second+time.Millisecond)
		defer cancel()
		in := call{method: "GET", key: "k", header: map[string]string{"x-cos-traffic-limit": lowestLimit}}
		resp, err := c.http.Do(c.request(t, in).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if !errors.Is(err, context.DeadlineExceeded) || len(got) < 180_000 || len(got) > 204_800 {
			t.Errorf("%d bytes came in 2 s: %v", len(got), err)
		}
	})
}

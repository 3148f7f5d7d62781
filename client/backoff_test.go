package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPushbackIsReadAsGRPCDoes(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		values  []string
		want    time.Duration
		present bool
		refused bool
	}{
		"none":     {nil, 0, false, false},
		"delay":    {[]string{"1500"}, 1500 * time.Millisecond, true, false},
		"zero":     {[]string{"0"}, 0, true, false},
		"refusal":  {[]string{"-1"}, 0, true, true},
		"two":      {[]string{"1", "2"}, 0, true, true},
		"nonsense": {[]string{"soon"}, 0, true, true},
		"empty":    {[]string{""}, 0, true, true},
		"unit":     {[]string{"1h2"}, 0, true, true},
		"fraction": {[]string{"1.5"}, 0, true, true},
	} {
		if d, present, refused := pushback(v.values); d != v.want || present != v.present || refused != v.refused {
			t.Errorf("%s: pushback(%q) = %v, %t, %t, want %v, %t, %t", name, v.values, d, present, refused, v.want, v.present, v.refused)
		}
	}
}

func TestWaitEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := wait(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("wait = %v after %v, want nil after a minute", err, time.Since(begun))
		}
		begun = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 0 {
			t.Errorf("wait beyond the deadline = %v after %v, want an error at once", err, time.Since(begun))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := wait(ctx, time.Minute); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
			t.Errorf("wait = %v after %v, want context.Canceled after a second", err, time.Since(begun))
		}
	})
}

package logline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// handlers are those that the gateway writes with.
func handlers(b *bytes.Buffer) map[string]slog.Handler {
	o := &slog.HandlerOptions{Level: slog.LevelDebug}
	return map[string]slog.Handler{"text": slog.NewTextHandler(b, o), "json": slog.NewJSONHandler(b, o)}
}

func TestBoundLeavesShortValuesAsTheyAre(t *testing.T) {
	t.Parallel()
	var want, got bytes.Buffer
	attrs := []slog.Attr{
		slog.String("key", "照片/a b\n\"c\""), slog.Int("n", 1), slog.Duration("d", time.Second), slog.Any("error", errors.New("no")),
		slog.Any("groups", []string{"a", "b"}), slog.Group("g", slog.String("x", "y")),
	}
	r := slog.NewRecord(time.Unix(1, 0), slog.LevelInfo, "rpc", 0)
	r.AddAttrs(attrs...)
	for name, h := range handlers(&want) {
		if err := errors.Join(h.Handle(t.Context(), r), Bound(handlers(&got)[name]).Handle(t.Context(), r)); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%s: the line is %s, want %s", name, got.String(), want.String())
		}
	}
}

func TestBoundSaysHowLongAValueWas(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	many := make([]string, 1900)
	for i := range many {
		many[i] = fmt.Sprint("object ", i)
	}
	slog.New(Bound(slog.NewJSONHandler(&b, nil))).Info("audit", "key", strings.Repeat("键", 1<<20), "resources", many, "last", "x")
	var line struct {
		Key       string
		Resources []string
		Last      string
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(line.Key, "键…(3145728 bytes)") || len(line.Key) > MaxValue || len(line.Key) < MaxValue-2*markBytes {
		t.Errorf("key has %d bytes and ends with %q", len(line.Key), line.Key[len(line.Key)-30:])
	}
	if n := len(line.Resources); n != MaxItems+1 || line.Resources[99] != "object 99" || line.Resources[100] != "…and 1800 more" || line.Last != "x" {
		t.Errorf("the line has %d resources, the last %v", n, line.Resources[n-1])
	}
}

// A value that hides what it has is not looked into.
type redacted struct{ secret string }

func (redacted) LogValue() slog.Value { return slog.StringValue("redacted") }

// Whatever the values are, a line has at most MaxLine bytes, and says everything that was
// short.
func TestBoundLinesAreShort(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	text := func() string {
		unit := []string{"k", "键", "\x18", "\xff", "\"\\", "\u200b", "\U000e0001", "\n"}[r.IntN(8)]
		return strings.Repeat(unit, []int{0, 1, 200, 1000, 100_000}[r.IntN(5)])
	}
	value := func() slog.Value {
		switch r.IntN(6) {
		case 0:
			return slog.AnyValue(errors.New(text()))
		case 1:
			list := make([]string, r.IntN(3000))
			for i := range list {
				list[i] = fmt.Sprint(i, strings.Repeat("\x18", r.IntN(2)*200))
			}
			if r.IntN(2) == 0 {
				return slog.AnyValue(List{len(list), func(i int) string { return list[i] }})
			}
			return slog.AnyValue(list)
		case 2:
			return slog.AnyValue(struct{ A, B string }{text(), text()})
		case 3:
			return slog.AnyValue(redacted{"secret" + text()})
		case 4:
			return slog.GroupValue(slog.String("a", text()), slog.Any("b", errors.New(text())))
		default:
			return slog.StringValue(text())
		}
	}
	for range 100 {
		var b bytes.Buffer
		for form, h := range handlers(&b) {
			b.Reset()
			log := slog.New(Bound(h))
			if r.IntN(4) == 0 {
				log = log.With("more", text())
			}
			attrs := []slog.Attr{slog.String("request_id", "the-id")}
			for i := range r.IntN(14) {
				attrs = append(attrs, slog.Attr{Key: fmt.Sprint("a", i), Value: value()})
			}
			attrs = slices.Insert(attrs, r.IntN(len(attrs)), slog.String("caller", "alice"))
			log.LogAttrs(context.Background(), slog.LevelWarn, text(), attrs...)
			line := b.String()
			if len(line) > MaxLine || strings.Contains(line, "secret") || strings.Count(line, "\n") != 1 {
				t.Fatalf("%s: the line has %d bytes, want at most %d, and no secret: %.300q", form, len(line), MaxLine, line)
			}
			if form == "json" && !json.Valid(b.Bytes()) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	}
}

func TestBoundOfAnOrdinaryLineAllocatesNothing(t *testing.T) {
	log := slog.New(Bound(slog.NewTextHandler(new(bytes.Buffer), &slog.HandlerOptions{Level: slog.LevelError})))
	h, ctx := Bound(discard{}), t.Context()
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "rpc", 0)
	r.AddAttrs(slog.String("method", "/cosgate.v1.ObjectService/HeadObject"), slog.String("code", "OK"), slog.Int("cos_attempts", 1), slog.String("request_id", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if n := testing.AllocsPerRun(100, func() { _ = h.Handle(ctx, r) }); n != 0 {
		t.Errorf("Handle allocates %v times, want 0", n)
	}
	if log.Enabled(ctx, slog.LevelInfo) {
		t.Error("the level of the handler does not count")
	}
}

type discard struct{ slog.Handler }

func (discard) Handle(context.Context, slog.Record) error { return nil }

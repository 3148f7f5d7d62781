// Package logline bounds the lines of logs, whatever the values are that callers and COS
// send. The rest of the gateway logs values as they are; the handler here is the one place
// where they are cut.
package logline

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxLine is the most bytes that a line has, as text or as JSON.
	MaxLine = 16 << 10
	// MaxValue is the most bytes that one text takes in a line, its escapes and the mark that
	// it was cut included. Every key of COS, which has at most 850 bytes, fits unless it is
	// made of characters that cannot be printed.
	MaxValue = 1 << 10
	// MaxItems is how many items of a list a line has. A last one counts the others.
	MaxItems = 100

	// ownBytes is for what the handler writes itself: time, level, names of attributes.
	ownBytes = 2 << 10
	// maxStack is the most bytes of a stack, which is not made by callers.
	maxStack = 8 << 10
	// maxEscape is how many bytes a byte of a text takes at most when it is escaped.
	maxEscape = 6
	// markBytes is room for the mark of a text that was cut.
	markBytes = 40
)

// Bound returns a handler that gives next lines of at most [MaxLine] bytes. Texts and lists
// that are too long are cut, and say how long they were.
func Bound(next slog.Handler) slog.Handler {
	if h, ok := next.(*handler); ok {
		return h
	}
	return &handler{next}
}

// Logger is log with a handler of [Bound]. Nil is a logger that discards everything.
func Logger(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(Bound(log.Handler()))
}

type handler struct{ next slog.Handler }

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if short(r) {
		return h.next.Handle(ctx, r)
	}
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	c := cutter{left: MaxLine - ownBytes}
	bounded := slog.NewRecord(r.Time, r.Level, c.text(r.Message, MaxValue), r.PC)
	bounded.AddAttrs(c.attrs(attrs)...)
	return h.next.Handle(ctx, bounded)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := cutter{left: ownBytes / 2}
	return &handler{h.next.WithAttrs(c.attrs(attrs))}
}

func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.next.WithGroup(name)} }

// short reports whether a record is certainly short enough, as nearly all are.
func short(r slog.Record) bool {
	size := len(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Value.Kind() {
		case slog.KindString:
			size += len(a.Value.String())
		case slog.KindAny, slog.KindGroup, slog.KindLogValuer:
			size += MaxValue
		case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		}
		return true
	})
	return size <= MaxValue/maxEscape
}

// A List is a list of N texts of which a line makes no more than it has room for.
type List struct {
	N  int
	At func(i int) string
}

// LogValue is what handlers log that are not of [Bound].
func (l List) LogValue() slog.Value {
	c := cutter{left: MaxLine - ownBytes}
	return c.list(l)
}

// A cutter cuts the values of one line.
type cutter struct{ left int }

// attrs cuts lists last, so that they get what texts leave.
func (c *cutter) attrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	lists := make(map[int]List)
	for i, a := range attrs {
		if l, ok := listOf(a.Value); ok {
			lists[i] = l
			continue
		}
		out[i] = slog.Attr{Key: a.Key, Value: c.value(a.Key, a.Value.Resolve())}
	}
	for i, a := range attrs {
		if l, ok := lists[i]; ok {
			out[i] = slog.Attr{Key: a.Key, Value: c.list(l)}
		}
	}
	return out
}

func listOf(v slog.Value) (List, bool) {
	if v.Kind() != slog.KindAny && v.Kind() != slog.KindLogValuer {
		return List{}, false
	}
	switch l := v.Any().(type) {
	case List:
		return l, true
	case []string:
		return List{len(l), func(i int) string { return l[i] }}, true
	}
	return List{}, false
}

func (c *cutter) value(key string, v slog.Value) slog.Value {
	limit := MaxValue
	if key == "stack" {
		limit = maxStack
	}
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(c.text(v.String(), limit))
	case slog.KindAny:
		text := fmt.Sprintf("%+v", v.Any())
		cut := c.text(text, limit)
		if cut == text {
			return v
		}
		return slog.StringValue(cut)
	case slog.KindGroup:
		return slog.GroupValue(c.attrs(v.Group())...)
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindLogValuer, slog.KindTime, slog.KindUint64:
	}
	c.left -= markBytes // numbers and times are short
	return v
}

// list cuts a list to half of what is left, so that the next one has some items as well.
func (c *cutter) list(l List) slog.Value {
	share := cutter{left: c.left / 2}
	items := make([]string, 0, min(l.N, MaxItems+1))
	for i := range l.N {
		item := ""
		if i < MaxItems {
			item = l.At(i)
		}
		if i == MaxItems || share.left < min(cost(item), MaxValue)+2*markBytes {
			items = append(items, fmt.Sprintf("…and %d more", l.N-i))
			break
		}
		items = append(items, share.text(item, MaxValue))
		share.left -= len(`"",`)
	}
	c.left -= c.left/2 - share.left
	return slog.AnyValue(items)
}

// text cuts s to limit bytes, and to what is left of the line.
func (c *cutter) text(s string, limit int) string {
	limit = max(min(limit, c.left), markBytes)
	if len(s) <= limit {
		if n := cost(s); n <= limit {
			c.left -= n
			return s
		}
	}
	end, size := 0, 0
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		if size += runeCost(r, n); size > limit-markBytes {
			break
		}
		end += n
	}
	c.left -= limit
	return s[:end] + "…(" + strconv.Itoa(len(s)) + " bytes)"
}

// cost is how many bytes s takes in a line, escaped as text or as JSON, without quotes.
func cost(s string) (size int) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		size += runeCost(r, n)
		i += n
	}
	return size
}

// runeCost is the larger one of both forms: \u0001, \x00, or \U000e0001.
func runeCost(r rune, n int) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t':
		return 2
	case r >= ' ' && r <= '~':
		return 1
	case r == utf8.RuneError || r < ' ' || r == 0x7f:
		return maxEscape
	case !unicode.IsPrint(r):
		return 10
	}
	return n
}

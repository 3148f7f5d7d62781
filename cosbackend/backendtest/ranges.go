package backendtest

import (
	"bytes"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func rangeChecks() []check {
	open := []Ability{OpenRanges}
	return []check{
		{"GetObject range from first to last byte", "A005, A006", closedRanges, nil},
		{"GetObject range to the end", "A006, E019", openRanges, open},
		{"GetObject range of the last bytes", "A006, E019", suffixRanges, open},
		{"GetObject range that begins past the end is InvalidRange", "A006", rangePastTheEnd, nil},
		{"GetObject of an empty object has no range", "A006, E019", rangeOfNothing, nil},
	}
}

// rangedSize spans several blocks of every size that servers read in.
const rangedSize = 200_000

// wantRanges reads parts of one object; each want is the first byte and the one
// after the last.
func wantRanges(t *testing.T, s scope, ranges map[cosbackend.Range][2]int) {
	t.Helper()
	key, data := s.key("k"), pattern(30, rangedSize)
	put := s.put(t, key, data)
	for r, want := range ranges {
		object, got := s.get(t, key, cosbackend.ReadOptions{Range: &r})
		if !bytes.Equal(got, data[want[0]:want[1]]) {
			t.Errorf("GetObject of %+v = %s, want bytes %d to %d", r, abbreviated(got), want[0], want[1]-1)
		}
		if object.Offset != int64(want[0]) || object.Size != rangedSize || object.ETag != put.ETag {
			t.Errorf("GetObject of %+v says offset %d of %d bytes of %s, want offset %d of %d of %s",
				r, object.Offset, object.Size, object.ETag, want[0], rangedSize, put.ETag)
		}
	}
}

func closedRanges(t *testing.T, s scope) {
	wantRanges(t, s, map[cosbackend.Range][2]int{
		{Offset: 0, Length: 1}:                       {0, 1},
		{Offset: 0, Length: rangedSize}:              {0, rangedSize},
		{Offset: 100, Length: 50}:                    {100, 150},
		{Offset: 32<<10 - 1, Length: 2}:              {32<<10 - 1, 32<<10 + 1},
		{Offset: 65_000, Length: 70_000}:             {65_000, 135_000},
		{Offset: rangedSize - 1, Length: 1}:          {rangedSize - 1, rangedSize},
		{Offset: rangedSize - 10, Length: 1_000_000}: {rangedSize - 10, rangedSize},
	})
}

func openRanges(t *testing.T, s scope) {
	wantRanges(t, s, map[cosbackend.Range][2]int{
		{Offset: 0, Length: -1}:              {0, rangedSize},
		{Offset: 70_001, Length: -1}:         {70_001, rangedSize},
		{Offset: rangedSize - 1, Length: -1}: {rangedSize - 1, rangedSize},
	})
}

func suffixRanges(t *testing.T, s scope) {
	wantRanges(t, s, map[cosbackend.Range][2]int{
		{Suffix: 1}:              {rangedSize - 1, rangedSize},
		{Suffix: 70_001}:         {rangedSize - 70_001, rangedSize},
		{Suffix: rangedSize}:     {0, rangedSize},
		{Suffix: rangedSize + 1}: {0, rangedSize},
	})
}

func rangePastTheEnd(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("ten bytes."))
	for _, offset := range []int64{10, 11, 1 << 40} {
		_, _, err := s.read(t.Context(), key, cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: offset, Length: 5}})
		wantRefused(t, "GetObject", err, 416, "InvalidRange")
	}
}

func rangeOfNothing(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, nil)
	_, _, err := s.read(t.Context(), key, cosbackend.ReadOptions{Range: &cosbackend.Range{Length: 1}})
	wantRefused(t, "GetObject", err, 416, "InvalidRange")
}

package backendtest

import (
	"slices"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func trafficLimitChecks() []check {
	return []check{
		{"GetObject and PutObject with a traffic limit change no content", "A059", trafficLimited, []Ability{TrafficLimits}},
	}
}

func trafficLimited(t *testing.T, s scope) {
	data := pattern(300, 50_000)
	for _, limit := range []int64{819_200, 838_860_800} {
		s.putAs(t, s.key("k"), data, cosbackend.PutOptions{TrafficLimit: limit})
		if _, got := s.get(t, s.key("k"), cosbackend.ReadOptions{TrafficLimit: limit}); !slices.Equal(got, data) {
			t.Errorf("GetObject with a limit of %d = %s, want %s", limit, abbreviated(got), abbreviated(data))
		}
	}
	u := s.begin(t, s.key("parts"), cosbackend.Attributes{})
	part, err := s.Client.UploadPart(t.Context(), u, 1, body(data), cosbackend.PartOptions{TrafficLimit: 838_860_800})
	if err != nil {
		t.Fatalf("UploadPart = %v", err)
	}
	s.complete(t, u, data, cosbackend.CompletedPart{Number: 1, ETag: part.ETag})
}

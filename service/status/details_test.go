package status

import (
	"testing"

	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// truncate must return valid UTF-8 of at most the length asked for, whatever it is given.
func FuzzTruncate(f *testing.F) {
	f.Add("键键键", 5)
	f.Add("\xff\xfe", 3)
	f.Add("abc", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 3 || n > 4096 {
			return
		}
		got := truncate(s, n)
		if len(got) > n || !proto.Equal(&cosgatev1.CosError{Code: got}, &cosgatev1.CosError{Code: got}) {
			t.Errorf("truncate(%q, %d) has %d bytes", s, n, len(got))
		}
		if _, err := proto.Marshal(&cosgatev1.CosError{Code: got}); err != nil {
			t.Errorf("truncate(%q, %d) = %q: %v", s, n, got, err)
		}
	})
}

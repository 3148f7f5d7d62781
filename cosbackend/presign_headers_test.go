package cosbackend

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// The contract says for every header that a presigned URL can bind which right it needs;
// what it does not know cannot be signed, and the other way round.
func TestPresignURLBindsTheHeadersOfTheContract(t *testing.T) {
	t.Parallel()
	f := (&cosgatev1.PresignUrlRequest{}).ProtoReflect().Descriptor().Fields().ByName("headers")
	needs, _ := proto.GetExtension(f.Options(), cosgatev1.E_Needs).(*cosgatev1.Needs)
	var contract []string
	for _, row := range needs.GetByHeader().GetHeaders() {
		contract = append(contract, row.GetNames()...)
	}
	own := append(presignableHeaders(), "x-cos-meta-*")
	slices.Sort(contract)
	slices.Sort(own)
	if diff := cmp.Diff(contract, own); diff != "" {
		t.Errorf("headers that can be signed (-contract +cosbackend):\n%s", diff)
	}
}

package service

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// The codec goes by field numbers, and the limit of a chunk is checked by hand.
func TestContractFieldNumbersAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	for m, number := range map[proto.Message]protowire.Number{
		&cosgatev1.GetObjectResponse{}:   getChunk,
		&cosgatev1.PutObjectRequest{}:    uploadChunk,
		&cosgatev1.UploadPartRequest{}:   uploadChunk,
		&cosgatev1.AppendObjectRequest{}: uploadChunk,
	} {
		d := m.ProtoReflect().Descriptor()
		if got := d.Fields().ByName("chunk").Number(); got != number {
			t.Errorf("%s.chunk has number %d, want %d", d.Name(), got, number)
		}
	}
	data := (&cosgatev1.Chunk{}).ProtoReflect().Descriptor().Fields().ByName("data")
	rules, _ := proto.GetExtension(data.Options(), validate.E_Field).(*validate.FieldRules)
	if got := rules.GetBytes().GetMaxLen(); got != maxChunk {
		t.Errorf("Chunk.data may have %d bytes, want %d", got, maxChunk)
	}
}

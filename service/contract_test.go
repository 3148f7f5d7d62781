package service

import (
	"path"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

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

// everyFile are the files of the contract, those without a service included.
func everyFile() []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(f protoreflect.FileDescriptor) bool {
		files = append(files, f)
		return true
	})
	return files
}

// eachField calls visit for every field of every message of the contract.
func eachField(visit func(protoreflect.FieldDescriptor)) {
	for _, f := range everyFile() {
		for i := range f.Messages().Len() {
			fields := f.Messages().Get(i).Fields()
			for j := range fields.Len() {
				visit(fields.Get(j))
			}
		}
	}
}

// buf holds most options of files against each other, but not these.
func TestContractFilesHaveTheSameOptions(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile() {
		o, _ := f.Options().(*descriptorpb.FileOptions)
		var outer strings.Builder
		for word := range strings.SplitSeq(strings.TrimSuffix(path.Base(f.Path()), ".proto"), "_") {
			outer.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		got := []string{o.GetObjcClassPrefix(), o.GetPhpMetadataNamespace(), o.GetJavaOuterClassname()}
		if want := []string{"CSG", `Cosgate\V1\GPBMetadata`, outer.String() + "Proto"}; !slices.Equal(got, want) {
			t.Errorf("%s: the options for Objective-C, PHP and Java are %q, want %q", f.Path(), got, want)
		}
	}
}

// JavaScript has no exact number for them.
func TestContractChecksumsAreStringsInJavaScript(t *testing.T) {
	t.Parallel()
	count := 0
	eachField(func(f protoreflect.FieldDescriptor) {
		if f.Kind() != protoreflect.Fixed64Kind && f.Kind() != protoreflect.Uint64Kind {
			return
		}
		count++
		if o, _ := f.Options().(*descriptorpb.FieldOptions); o.GetJstype() != descriptorpb.FieldOptions_JS_STRING {
			t.Errorf("%s has no jstype JS_STRING", f.FullName())
		}
	})
	if count < 7 {
		t.Errorf("%d checksums were found, want 7 or more", count)
	}
}

func TestContractExtensionNumbersAreInItsBlock(t *testing.T) {
	t.Parallel()
	count := 0
	for _, f := range everyFile() {
		for i := range f.Extensions().Len() {
			e := f.Extensions().Get(i)
			low, high := protowire.Number(91251000), protowire.Number(91251999)
			if strings.HasPrefix(string(e.ContainingMessage().FullName()), "buf.validate.") {
				low, high = 91250000, 91250999
			}
			count++
			if e.Number() < low || e.Number() > high {
				t.Errorf("%s has the number %d, want one of %d to %d; see rules.proto", e.FullName(), e.Number(), low, high)
			}
		}
	}
	if count == 0 {
		t.Error("no extensions were found")
	}
}

// A time has COS's name, or one that ends in _time; see docs/compatibility.md.
func TestContractTimesHaveNamesByTheRule(t *testing.T) {
	t.Parallel()
	ofCOS := []protoreflect.Name{
		"creation_date", "date", "expiry_date", "if_modified_since", "if_unmodified_since", "initiated", "last_modified",
		"retain_until_date", "validity_begin", "validity_expire",
	}
	eachField(func(f protoreflect.FieldDescriptor) {
		if f.Message() == nil || f.Message().FullName() != "google.protobuf.Timestamp" {
			return
		}
		if !strings.HasSuffix(string(f.Name()), "_time") && !slices.Contains(ofCOS, f.Name()) {
			t.Errorf("%s is neither a name of COS nor ends in _time", f.FullName())
		}
	})
}

func TestContractAddressesHaveTheSameNumbers(t *testing.T) {
	t.Parallel()
	numbers := map[protoreflect.Name]protowire.Number{"bucket": 1, "key": 2, "version_id": 3, "region": 4, "profile": 5}
	eachField(func(f protoreflect.FieldDescriptor) {
		message := string(f.Parent().Name())
		if !strings.HasSuffix(message, "Request") && !strings.HasSuffix(message, "Spec") {
			return
		}
		if want, ok := numbers[f.Name()]; ok && f.Number() != want {
			t.Errorf("%s has the number %d, want %d", f.FullName(), f.Number(), want)
		}
	})
}

// messagesNamed are the ways to a message inside another, by the names of fields.
func messagesNamed(d protoreflect.MessageDescriptor, name protoreflect.FullName) []string {
	var found []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		switch {
		case f.Message() == nil:
		case f.Message().FullName() == name:
			found = append(found, string(f.Name()))
		default:
			for _, inner := range messagesNamed(f.Message(), name) {
				found = append(found, string(f.Name())+"."+inner)
			}
		}
	}
	return found
}

package service

import (
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// requestTypes are the types of the messages that callers send.
func requestTypes() []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				all = append(all, file.Services().Get(i).Methods().Get(j).Input())
			}
		}
	}
	return all
}

// fieldsWithin calls visit with every field of a type and of the types in it.
func fieldsWithin(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, visit func(protoreflect.FieldDescriptor)) {
	if seen[d.FullName()] {
		return
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		visit(f)
		if f.Message() != nil && !f.IsMap() {
			fieldsWithin(f.Message(), seen, visit)
		}
	}
}

// What has no bound in the contract could have as many items or bytes as a message holds.
func TestEveryFieldOfARequestIsBounded(t *testing.T) {
	t.Parallel()
	seen := make(map[protoreflect.FullName]bool)
	s := newSizes()
	for _, d := range requestTypes() {
		if _, bounded := s.largest(d, 0); !bounded {
			t.Errorf("%s has no largest message", d.Name())
		}
		fieldsWithin(d, seen, func(f protoreflect.FieldDescriptor) {
			if (f.IsList() || f.IsMap()) && maxItems(f) < 0 {
				t.Errorf("%s has neither repeated.max_items nor map.max_pairs", f.FullName())
			}
			if _, bounded := s.largestField(f, 0); !bounded {
				t.Errorf("the length of %s is not bounded", f.FullName())
			}
		})
	}
}

// longest finds the length of the longest text that the rules of a field allow, by asking
// the validator and not by reading the rules.
func longest(v protovalidate.Validator, d protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor) int {
	valid := func(text string) bool {
		m := dynamicpb.NewMessage(d)
		switch {
		case f.IsList():
			m.Mutable(f).List().Append(protoreflect.ValueOfString(text))
		case f.Kind() == protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte(text)))
		default:
			m.Set(f, protoreflect.ValueOfString(text))
		}
		filter := protovalidate.FilterFunc(func(_ protoreflect.Message, which protoreflect.Descriptor) bool { return which == f })
		return v.Validate(m, protovalidate.WithFilter(filter)) == nil
	}
	best := 0
	for _, form := range [][3]string{{"", "a", ""}, {"", "A", ""}, {"", "é", ""}, {"", "a", "-1"}, {"http://a/", "b", ""}, {"x-cos-meta-", "a", ""}} {
		for n := 1; n <= 1<<22; {
			text := form[0] + strings.Repeat(form[1], n) + form[2]
			if !valid(text) {
				n = max(n+1, n*17/16)
				if n > 512 {
					break
				}
				continue
			}
			best = max(best, len(text))
			n = max(n+1, n*17/16)
		}
	}
	return best
}

// A valid request must not be refused for its size: no text may be longer than is reckoned
// with.
func TestSizesReckonWithTheLongestTextOfEveryField(t *testing.T) {
	t.Parallel()
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	s := newSizes()
	seen := make(map[protoreflect.FullName]bool)
	for _, d := range requestTypes() {
		fieldsWithin(d, seen, func(f protoreflect.FieldDescriptor) {
			if f.IsMap() || f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind {
				return
			}
			rules := fieldRulesOf(f)
			if f.IsList() {
				rules = rules.GetRepeated().GetItems()
			}
			size, _ := s.largestText(rules)
			if n := longest(v, f.ContainingMessage(), f); int64(n) > size {
				t.Errorf("%s can have %d bytes, and %d are reckoned with", f.FullName(), n, size)
			}
		})
	}
}

// What COS accepts at most fits into the bound of every list, although the contract alone
// would allow more.
func TestBoundsLetTheLargestRequestsThrough(t *testing.T) {
	t.Parallel()
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	key, version, tag := strings.Repeat("k", 850), strings.Repeat("v", 128), `"`+strings.Repeat("f", 32)+`-10000"`
	remove := &cosgatev1.DeleteObjectsRequest{Bucket: testBucket}
	head := &cosgatev1.HeadObjectsRequest{Bucket: testBucket}
	for range 1000 {
		remove.Objects = append(remove.Objects, &cosgatev1.ObjectIdentifier{Key: key, VersionId: version})
		head.Objects = append(head.Objects, &cosgatev1.HeadObjectsItem{Key: key, VersionId: version})
	}
	complete := &cosgatev1.CompleteMultipartUploadRequest{Bucket: testBucket, Key: key, UploadId: strings.Repeat("u", 256)}
	for i := range 10_000 {
		complete.Parts = append(complete.Parts, &cosgatev1.CompletedPart{PartNumber: int32(i + 1), Etag: tag})
	}
	attributes := &cosgatev1.ObjectAttributes{Metadata: make(map[string]string)}
	for i := range 2 {
		attributes.Metadata[strings.Repeat("m", 100+i)] = strings.Repeat("v", 1000)
	}
	for _, m := range []proto.Message{
		remove, head, complete,
		&cosgatev1.PutObjectRequest{
			Spec:  &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key, Attributes: attributes},
			Chunk: &cosgatev1.Chunk{Data: make([]byte, maxChunk)},
		},
		&cosgatev1.PutBucketPolicyRequest{Bucket: testBucket, Policy: &cosgatev1.BucketPolicy{Json: "{" + strings.Repeat(" ", 20478) + "}"}},
	} {
		if err := v.Validate(m); err != nil {
			t.Errorf("%T is not valid: %v", m, err)
		}
		bound := newMessageBounds().of(m.ProtoReflect().Descriptor())
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(wire)) > bound.size {
			t.Errorf("%s with %d bytes is refused, its bound is %d", bound.name, len(wire), bound.size)
		}
		if bound.shape.content == 0 {
			if _, err := bound.count(wire); err != nil {
				t.Errorf("Check of a valid %s = %v", bound.name, err)
			}
		}
	}
	if bound := newMessageBounds().of((&cosgatev1.HeadObjectRequest{}).ProtoReflect().Descriptor()); bound.size > 16<<10 {
		t.Errorf("a HeadObjectRequest may have %d bytes, want a few KiB", bound.size)
	}
}

// Items are counted over all pieces in which a message is sent, and in messages inside of
// others; what lies beyond the bound is not looked at.
func TestBoundsCountItems(t *testing.T) {
	t.Parallel()
	field := func(n protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), value)
	}
	number := func(m proto.Message, name protoreflect.Name) protowire.Number {
		return m.ProtoReflect().Descriptor().Fields().ByName(name).Number()
	}
	repeat := func(n int, piece []byte) []byte { return []byte(strings.Repeat(string(piece), n)) }
	cors, rule, request := &cosgatev1.CorsConfiguration{}, &cosgatev1.CorsRule{}, &cosgatev1.PutBucketCorsRequest{}
	rules := func(n int, inside []byte) []byte { return repeat(n, field(number(cors, "rules"), inside)) }
	corsField := number(request, "cors")
	remove := &cosgatev1.DeleteObjectsRequest{}
	items := func(n int) []byte { return repeat(n, field(number(remove, "objects"), nil)) }
	sections := &cosgatev1.GetBucketConfigRequest{}
	for name, c := range map[string]struct {
		m    proto.Message
		wire []byte
		want string
	}{
		"as many as allowed":   {remove, items(1000), ""},
		"one more":             {remove, items(1001), "objects: must contain no more than 1000 item(s)"},
		"and then nonsense":    {remove, append(items(1001), 0xff, 0xff), "objects: must contain no more than 1000 item(s)"},
		"in two pieces":        {request, append(field(corsField, rules(501, nil)), field(corsField, rules(500, nil))...), "cors.rules: must contain no more than 1000 item(s)"},
		"in one item":          {request, field(corsField, append(rules(2, nil), rules(1, repeat(6+uncheckedBytes/2, field(number(rule, "allowed_methods"), nil)))...)), "cors.rules[2].allowed_methods: must contain no more than 5 item(s)"},
		"in several items":     {request, field(corsField, rules(300, repeat(5, field(number(rule, "allowed_methods"), nil)))), ""},
		"numbers in one value": {sections, field(number(sections, "sections"), repeat(uncheckedBytes, []byte{1})), "sections: must contain no more than"},
		"a map":                {&cosgatev1.PresignUrlRequest{}, repeat(uncheckedBytes, field(number(&cosgatev1.PresignUrlRequest{}, "query"), nil)), "query: map must be at most"},
		"nothing but nonsense": {remove, repeat(uncheckedBytes, []byte{0xff}), ""},
		"unknown fields":       {remove, repeat(uncheckedBytes, field(1000, nil)), ""},
	} {
		_, err := newMessageBounds().of(c.m.ProtoReflect().Descriptor()).count(c.wire)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Check = %v, want %q", name, err, c.want)
		}
	}
}

package service

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/internal/policy"
)

// imageNeeds are the rights to do what COS is asked to do with an image when it is
// stored. The rules name keys that results go to and images that are laid over others,
// in a language that is not the gateway's to understand: they need the whole bucket, and
// every other bucket that they name.
func imageNeeds(t target) []need {
	text := textField(t.m, "pic_operations")
	if text == "" {
		return nil
	}
	buckets, ok := namedBuckets(text)
	if !ok {
		return []need{{action: "PutObject", resource: t.resource(policy.Profile)}}
	}
	needs := []need{
		{action: "PutObject", resource: t.resource(policy.Bucket)},
		{action: "GetObject", resource: t.resource(policy.Bucket)},
	}
	for _, b := range buckets {
		needs = append(needs, t.writes(b))
	}
	return needs
}

// writes is the right to write anywhere in a bucket.
func (t target) writes(bucket string) need {
	return need{action: "PutObject", resource: policy.Resource{Kind: policy.Bucket, Profile: t.profile, Bucket: bucket}}
}

// namedBuckets returns every text that stands in a JSON document under the name
// "bucket". It reads tokens, so that no second value of a name is passed over.
func namedBuckets(document string) (buckets []string, ok bool) {
	d := json.NewDecoder(strings.NewReader(document))
	depth, named := 0, false
	for {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch v := token.(type) {
		case json.Delim:
			named = false
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if named {
				buckets = append(buckets, v)
				named = false
			} else {
				named = strings.EqualFold(v, "bucket")
			}
		default:
			named = false
		}
		if depth == 0 {
			return buckets, !d.More()
		}
	}
}

// destinationNeeds are the rights to write into the buckets where COS is to put copies,
// lists or logs: whoever configures one bucket may not thereby fill another.
func destinationNeeds(t target) []need {
	var needs []need
	t.destinations(t.m, &needs)
	return needs
}

// destinations looks at every message inside of m.
func (t target) destinations(m protoreflect.Message, needs *[]need) {
	for f, v := range m.Range {
		switch {
		case f.Kind() != protoreflect.MessageKind || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				t.destinations(v.List().Get(i).Message(), needs)
			}
		default:
			if f.Name() == "destination" || f.Name() == "target" {
				t.destination(textField(v.Message(), "bucket"), needs)
			}
			t.destinations(v.Message(), needs)
		}
	}
}

// destination takes a bucket by its name, or as "qcs::cos:ap-guangzhou::name-appid".
func (t target) destination(bucket string, needs *[]need) {
	bucket = bucket[strings.LastIndexByte(bucket, ':')+1:]
	if bucket != "" && bucket != t.bucket {
		*needs = append(*needs, t.writes(bucket))
	}
}

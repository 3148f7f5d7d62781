package service

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// field returns the value of a field that the request has, and whether it is set.
func (t target) field(name protoreflect.Name) (protoreflect.Value, bool) {
	f := t.m.Descriptor().Fields().ByName(name)
	if f == nil || !t.m.Has(f) {
		return protoreflect.Value{}, false
	}
	return t.m.Get(f), true
}

// copySourceNeeds is the right to read what is copied, beside what a write needs.
func copySourceNeeds(t target) []need {
	source, ok := t.field("source")
	if !ok {
		return attributeNeeds(t)
	}
	m := source.Message()
	read := need{action: "GetObject", resource: t.object(textField(m, "bucket"), textField(m, "key"))}
	return append([]need{read}, attributeNeeds(t)...)
}

// attributeNeeds are the rights to set, with a write, what RPCs of their own set: who
// may write an object may not thereby make it public.
func attributeNeeds(t target) []need {
	attributes, ok := t.field("attributes")
	if !ok {
		return nil
	}
	m := attributes.Message()
	var needs []need
	for _, a := range []struct {
		field  protoreflect.Name
		action string
	}{
		{"preset_acl", "PutObjectAcl"}, {"grants", "PutObjectAcl"}, {"tags", "PutObjectTagging"}, {"retention", "PutObjectRetention"},
	} {
		if f := m.Descriptor().Fields().ByName(a.field); f != nil && m.Has(f) {
			needs = append(needs, need{action: a.action, resource: t.resource(policy.Object)})
		}
	}
	return needs
}

func putNeeds(t target) []need { return append(attributeNeeds(t), imageNeeds(t)...) }

// bucketACLNeeds is the right to set the ACL that a new bucket is made with.
func bucketACLNeeds(t target) []need {
	_, preset := t.field("preset_acl")
	_, grants := t.field("grants")
	if !preset && !grants {
		return nil
	}
	return []need{{action: "PutBucketAcl", resource: t.resource(policy.Bucket)}}
}

// linkNeeds is the right to read what a link leads to: who reads the link reads that.
func linkNeeds(t target) []need {
	return []need{{action: "GetObject", resource: t.object(t.bucket, textField(t.m, "target_key"))}}
}

// presignNeeds is the right to do what the URL allows.
func presignNeeds(t target) []need {
	operation, ok := t.field("operation")
	if !ok {
		return nil // refused by validation
	}
	actions := map[cosgatev1.PresignOperation]string{
		cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT:    "GetObject",
		cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT:    "PutObject",
		cosgatev1.PresignOperation_PRESIGN_OPERATION_HEAD_OBJECT:   "HeadObject",
		cosgatev1.PresignOperation_PRESIGN_OPERATION_DELETE_OBJECT: "DeleteObject",
		cosgatev1.PresignOperation_PRESIGN_OPERATION_UPLOAD_PART:   "UploadPart",
	}
	// An operation that is not in the list has no action, which no policy allows.
	needs := []need{{action: actions[cosgatev1.PresignOperation(operation.Enum())], resource: t.resource(policy.Object)}}
	return append(needs, headerNeeds(t)...)
}

// headerNeeds are the rights to do what the headers that a URL binds do.
func headerNeeds(t target) []need {
	headers, ok := t.field("headers")
	if !ok {
		return nil
	}
	var acl, tags bool
	for name := range headers.Map().Range {
		name := strings.ToLower(name.String())
		acl = acl || name == "x-cos-acl" || strings.HasPrefix(name, "x-cos-grant-")
		tags = tags || name == "x-cos-tagging"
	}
	var needs []need
	if acl {
		needs = append(needs, need{action: "PutObjectAcl", resource: t.resource(policy.Object)})
	}
	if tags {
		needs = append(needs, need{action: "PutObjectTagging", resource: t.resource(policy.Object)})
	}
	return needs
}

// formNeeds are the rights to do what the form allows. A form for all keys with a prefix
// is asked of the bucket: no policy on single keys could be asked for each of them.
func formNeeds(t target) []need {
	own := need{action: "CreatePostPolicy", resource: t.resource(policy.Object)}
	if _, one := t.field("key"); !one {
		own.resource = t.resource(policy.Bucket)
		t.key = textField(t.m, "key_prefix")
	}
	needs := []need{own, {action: "PutObject", resource: t.resource(policy.Object)}}
	if _, ok := t.field("preset_acl"); ok {
		needs = append(needs, need{action: "PutObjectAcl", resource: t.resource(policy.Object)})
	}
	return needs
}

// configNeeds are the rights to read each part of a configuration that is asked for.
func configNeeds(t target) []need {
	var parts []protoreflect.EnumNumber
	if asked, ok := t.field("sections"); ok {
		for i := range asked.List().Len() {
			parts = append(parts, asked.List().Get(i).Enum())
		}
	} else {
		values := cosgatev1.BucketConfigSection(0).Descriptor().Values()
		for i := 1; i < values.Len(); i++ {
			parts = append(parts, values.Get(i).Number())
		}
	}
	needs := make([]need, len(parts))
	for i, p := range parts {
		needs[i] = need{action: partAction(cosgatev1.BucketConfigSection(p)), resource: t.resource(policy.Bucket)}
	}
	return needs
}

// partAction is the RPC that reads one part of a configuration.
func partAction(p cosgatev1.BucketConfigSection) string {
	switch p {
	case cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES:
		return "ListBucketInventories"
	case cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INTELLIGENT_TIERING_CONFIGURATIONS:
		return "ListBucketIntelligentTieringConfigurations"
	default:
	}
	words := strings.Split(strings.TrimPrefix(p.String(), "BUCKET_CONFIG_SECTION_"), "_")
	for i, word := range words {
		words[i] = word[:1] + strings.ToLower(word[1:])
	}
	return "GetBucket" + strings.Join(words, "")
}

package service

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// A need is one thing that must be allowed for a request to go on.
type need struct {
	action   string
	resource policy.Resource
	prefix   *string
}

// An accessRule says what an RPC needs. Every RPC has one: TestEveryRPCHasAnAccessRule
// walks the descriptors, and an RPC without one is denied.
type accessRule struct {
	groups []string      // the groups of actions it is in
	on     []policy.Kind // what it is done to; the first is what its request names
	lists  bool          // the request has a prefix, which policies can ask for
	// batch names the RPC whose action each item needs, instead of an action of its
	// own: what is forbidden for one object is forbidden for many.
	batch string
	items protoreflect.Name // the field with the items of a batch
	// more is what else the request needs; nil for nothing.
	more func(t target) []need
	// needsInstead is all that the request needs, where that is not the RPC's action on
	// what the request names.
	needsInstead func(t target) []need
}

// hasAction reports whether policies can name the RPC.
func (r accessRule) hasAction() bool { return len(r.groups) > 0 }

// The groups of actions, for policies such as `action in Action::"read"`.
const (
	groupRead    = "read"    // content, metadata and configuration
	groupWrite   = "write"   // content and what is stored with it
	groupDelete  = "delete"  // objects and uploads
	groupList    = "list"    // names
	groupAdmin   = "admin"   // buckets, their configuration, and who may use what
	groupPresign = "presign" // URLs that others can use
)

func onObject(groups ...string) accessRule {
	return accessRule{groups: groups, on: []policy.Kind{policy.Object}}
}

func onBucket(groups ...string) accessRule {
	return accessRule{groups: groups, on: []policy.Kind{policy.Bucket}}
}

func (r accessRule) with(more func(target) []need) accessRule {
	r.more = more
	return r
}

func listing() accessRule {
	return accessRule{groups: []string{groupList}, on: []policy.Kind{policy.Bucket}, lists: true}
}

// accessRules are the rules of all RPCs, by service and name.
func accessRules() map[string]map[string]accessRule {
	return map[string]map[string]accessRule{
		cosgatev1.BucketService_ServiceDesc.ServiceName: {
			"ListBuckets":       {groups: []string{groupList}, on: []policy.Kind{policy.Profile}},
			"CreateBucket":      onBucket(groupAdmin).with(bucketACLNeeds),
			"HeadBucket":        onBucket(groupRead),
			"DeleteBucket":      onBucket(groupAdmin, groupDelete),
			"GetBucketLocation": onBucket(groupRead),
		},
		cosgatev1.BucketConfigService_ServiceDesc.ServiceName: configRules(),
		cosgatev1.ObjectService_ServiceDesc.ServiceName:       objectRules(),
		cosgatev1.MultipartService_ServiceDesc.ServiceName: {
			"InitiateMultipartUpload": onObject(groupWrite).with(attributeNeeds),
			"UploadPart":              onObject(groupWrite),
			"UploadPartCopy":          onObject(groupWrite).with(copySourceNeeds),
			"CompleteMultipartUpload": onObject(groupWrite).with(imageNeeds),
			"AbortMultipartUpload":    onObject(groupWrite, groupDelete),
			"ListParts":               onObject(groupList),
			"ListMultipartUploads":    listing(),
		},
		cosgatev1.PresignService_ServiceDesc.ServiceName: {
			"PresignUrl":       onObject(groupPresign).with(presignNeeds),
			"CreatePostPolicy": {groups: []string{groupPresign}, on: []policy.Kind{policy.Object, policy.Bucket}, needsInstead: formNeeds},
		},
	}
}

func objectRules() map[string]accessRule {
	return map[string]accessRule{
		"HeadObject":          onObject(groupRead),
		"HeadObjects":         {batch: "HeadObject", items: "objects", on: []policy.Kind{policy.Object}},
		"GetObject":           onObject(groupRead),
		"SelectObjectContent": onObject(groupRead),
		"PutObject":           onObject(groupWrite).with(putNeeds),
		"AppendObject":        onObject(groupWrite).with(attributeNeeds),
		"DeleteObject":        onObject(groupDelete),
		"DeleteObjects":       {batch: "DeleteObject", items: "objects", on: []policy.Kind{policy.Object}},
		"CopyObject":          onObject(groupWrite).with(copySourceNeeds),
		"ListObjects":         listing(),
		"ListObjectVersions":  listing(),
		"GetObjectTagging":    onObject(groupRead),
		"PutObjectTagging":    onObject(groupWrite),
		"DeleteObjectTagging": onObject(groupWrite),
		"GetObjectAcl":        onObject(groupAdmin, groupRead),
		"PutObjectAcl":        onObject(groupAdmin),
		"RestoreObject":       onObject(groupWrite),
		"GetSymlink":          onObject(groupRead),
		"PutSymlink":          onObject(groupWrite).with(linkNeeds),
		"GetObjectRetention":  onObject(groupRead),
		"PutObjectRetention":  onObject(groupAdmin),
		"OptionsObject":       onObject(groupRead),
	}
}

// configRules are alike: who reads the configuration of a bucket reads it as an
// administrator does, and who changes it is one.
func configRules() map[string]accessRule {
	rules := make(map[string]accessRule)
	for _, m := range cosgatev1.BucketConfigService_ServiceDesc.Methods {
		if strings.HasPrefix(m.MethodName, "Get") || strings.HasPrefix(m.MethodName, "List") {
			rules[m.MethodName] = onBucket(groupAdmin, groupRead)
		} else {
			rules[m.MethodName] = onBucket(groupAdmin).with(destinationNeeds)
		}
	}
	rules["GetBucketConfig"] = accessRule{needsInstead: configNeeds, on: []policy.Kind{policy.Bucket}}
	return rules
}

// Actions are the actions that policies can name, in the order of their names.
func Actions() []policy.Action {
	var actions []policy.Action
	for _, rules := range accessRules() {
		for name, r := range rules {
			if r.hasAction() {
				actions = append(actions, policy.Action{Name: name, Groups: r.groups, On: r.on, Lists: r.lists})
			}
		}
	}
	slices.SortFunc(actions, func(a, b policy.Action) int { return strings.Compare(a.Name, b.Name) })
	return actions
}

// A target is what a request names, whatever its type. Bucket, key and profile have
// the same names in every request; an upload has them in its spec.
type target struct {
	m       protoreflect.Message
	profile string
	bucket  string
	key     string
}

func newTarget(m protoreflect.Message, fallback string) target {
	if spec := m.Descriptor().Fields().ByName("spec"); spec != nil {
		m = m.Get(spec).Message()
	}
	t := target{m: m, profile: textField(m, "profile"), bucket: textField(m, "bucket"), key: textField(m, "key")}
	if t.profile == "" {
		t.profile = fallback
	}
	return t
}

func textField(m protoreflect.Message, name protoreflect.Name) string {
	f := m.Descriptor().Fields().ByName(name)
	if f == nil || f.Kind() != protoreflect.StringKind || f.IsList() {
		return ""
	}
	return m.Get(f).String()
}

func (t target) object(bucket, key string) policy.Resource {
	return policy.Resource{Kind: policy.Object, Profile: t.profile, Bucket: bucket, Key: key}
}

func (t target) resource(kind policy.Kind) policy.Resource {
	r := policy.Resource{Kind: kind, Profile: t.profile}
	if kind >= policy.Bucket {
		r.Bucket = t.bucket
	}
	if kind == policy.Object {
		r.Key = t.key
	}
	return r
}

// needs lists what the request of RPC name needs, without repetitions of one thing.
func (r accessRule) needs(name string, t target) []need {
	if r.needsInstead != nil {
		return r.needsInstead(t)
	}
	var all []need
	if r.batch != "" {
		all = t.each(r.items, r.batch)
	} else {
		n := need{action: name, resource: t.resource(r.on[0])}
		if r.lists {
			prefix := textField(t.m, "prefix")
			n.prefix = &prefix
		}
		all = []need{n}
	}
	if r.more != nil {
		all = append(all, r.more(t)...)
	}
	return all
}

// each makes a need of every item of a batch.
func (t target) each(field protoreflect.Name, action string) []need {
	items := t.m.Get(t.m.Descriptor().Fields().ByName(field)).List()
	needs := make([]need, items.Len())
	for i := range needs {
		needs[i] = need{action: action, resource: t.object(t.bucket, textField(items.Get(i).Message(), "key"))}
	}
	return needs
}

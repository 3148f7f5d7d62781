package access

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/internal/strictjson"
)

// A picRule is one of the rules of pic_operations: where a result goes. What is done to the
// image is not interpreted.
type picRule struct {
	bucket string // empty for that of the request
	key    string
}

// picOperations are the rights to do what COS is asked to do with an image when it is
// stored. The rules can lay other images over it, in a language that the gateway does not
// interpret, so they need the whole bucket, and every other bucket that a result goes to,
// with the key that it gets. A document with anything that COS does not document is denied:
// it cannot be told what COS would make of it.
func picOperations(t Target, v protoreflect.Value, needs []Need) []Need {
	rules, ok := picRules(v.String(), t.Key)
	if !ok {
		return append(needs, Need{Field: "pic_operations", Resource: t.resource(policy.Object)})
	}
	needs = append(needs,
		Need{Action: "PutObject", Resource: t.every(policy.Bucket)},
		Need{Action: "GetObject", Resource: t.every(policy.Bucket)},
	)
	for _, r := range rules {
		result := t
		result.Key = r.key
		if r.bucket != "" && r.bucket != t.Bucket {
			result.Bucket = r.bucket
			needs = append(needs, Need{Action: "PutObject", Resource: result.every(policy.Bucket)})
		}
		needs = append(needs, Need{Action: "PutObject", Resource: result.resource(policy.Object)})
	}
	return needs
}

// picRules reads the document of an upload to key. It is not ok with any member, type or
// form that COS does not document.
func picRules(document, key string) (rules []picRule, ok bool) {
	object, err := strictjson.Object([]byte(document))
	if err != nil || !onlyMembers(object, "is_pic_info", "rules") {
		return nil, false
	}
	if info, given := object["is_pic_info"]; given && info != 0.0 && info != 1.0 {
		return nil, false
	}
	list, isList := object["rules"].([]any)
	if _, given := object["rules"]; given && !isList {
		return nil, false
	}
	for _, v := range list {
		rule, _ := v.(map[string]any)
		r, ok := readPicRule(rule, key)
		if !ok {
			return nil, false
		}
		rules = append(rules, r)
	}
	return rules, true
}

func readPicRule(rule map[string]any, key string) (r picRule, ok bool) {
	if rule == nil || !onlyMembers(rule, "bucket", "fileid", "rule") {
		return r, false
	}
	if _, isText := rule["rule"].(string); !isText {
		return r, false
	}
	if bucket, given := rule["bucket"]; given {
		r.bucket, _ = bucket.(string)
		if r.bucket == "" || r.bucket != namedBucket(r.bucket) { // without a region
			return r, false
		}
	}
	id, _ := rule["fileid"].(string)
	if r.key, ok = strings.CutPrefix(id, "/"); !ok {
		r.key = key[:strings.LastIndexByte(key, '/')+1] + id // relative to the folder of the upload
	}
	return r, id != "" && plainPath(r.key)
}

// plainPath reports whether nobody can read another path into key.
func plainPath(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsAny(key, "\\\x00\ufffd")
}

func onlyMembers(object map[string]any, known ...string) bool {
	for name := range object {
		if !slices.Contains(known, name) {
			return false
		}
	}
	return true
}

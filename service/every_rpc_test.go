package service

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// An rpc is a valid request of one RPC.
type rpc struct {
	full, name string
	method     protoreflect.MethodDescriptor
	req        proto.Message
}

// everyRPC returns a valid request of each RPC that asks COS for something, about one bucket
// and one key: what [fill] cannot know is in requestsInFull.
func (g *gateway) everyRPC(t *testing.T, key string) []rpc {
	t.Helper()
	methods := g.ourMethods(t)
	var all []rpc
	for _, full := range slices.Sorted(maps.Keys(methods)) {
		name := full[strings.LastIndexByte(full, '/')+1:]
		if name == "PresignUrl" || name == "CreatePostPolicy" || name == "IssueTemporaryCredentials" {
			continue // they ask STS, or nobody
		}
		r := rpc{full, name, methods[full], newMessage(t, methods[full].Input())}
		fill(r.req.ProtoReflect(), testBucket, key)
		if text, ok := requestsInFull()[name]; ok {
			more := newMessage(t, methods[full].Input())
			if err := protojson.Unmarshal([]byte(text), more); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			proto.Merge(r.req, more)
		} else if strings.HasPrefix(name, "PutBucket") {
			setConfiguration(t, r.req.ProtoReflect())
		}
		all = append(all, r)
	}
	return all
}

// requestsInFull has what requests need besides a bucket and a key.
func requestsInFull() map[string]string {
	return map[string]string{
		"DeleteBucketDomainCertificate":               `{"domain": "www.example.com"}`,
		"DeleteBucketIntelligentTieringConfiguration": `{"id": "i1"}`,
		"DeleteBucketInventory":                       `{"id": "i1"}`,
		"GetBucketDomainCertificate":                  `{"domain": "www.example.com"}`,
		"GetBucketIntelligentTieringConfiguration":    `{"id": "i1"}`,
		"GetBucketInventory":                          `{"id": "i1"}`,
		"PostBucketInventory":                         `{"inventory": {"id": "i1", "includedObjectVersions": "All", "destination": {"format": "CSV", "bucket": "qcs::cos:ap-guangzhou::test-1250000000"}}}`,
		"PutBucketAcl":                                `{"presetAcl": "private"}`,
		"PutBucketDomainCertificate":                  `{"domains": ["www.example.com"], "certificate": {"certificate": "c", "privateKey": "k"}}`,
		"PutBucketPolicy":                             `{"policy": {"json": "{}"}}`,
		"AbortMultipartUpload":                        `{"uploadId": "u1"}`,
		"CompleteMultipartUpload":                     `{"uploadId": "u1", "parts": [{"partNumber": 1, "etag": "e"}]}`,
		"ListParts":                                   `{"uploadId": "u1"}`,
		"UploadPart":                                  `{"spec": {"uploadId": "u1", "partNumber": 1, "size": 1}, "chunk": {"data": "eA=="}, "finish": true}`,
		"UploadPartCopy":                              `{"uploadId": "u1", "partNumber": 1}`,
		"AppendObject":                                `{"spec": {"size": 1}, "chunk": {"data": "eA=="}, "finish": true}`,
		"OptionsObject":                               `{"origin": "https://a.example", "method": "GET"}`,
		"PutObject":                                   `{"chunk": {"data": "eA=="}, "finish": true}`,
		"PutObjectAcl":                                `{"presetAcl": "private"}`,
		"PutObjectRetention":                          `{"retention": {"mode": "COMPLIANCE", "retainUntilDate": "2100-01-01T00:00:00Z"}}`,
		"PutObjectTagging":                            `{"tags": [{"key": "a", "value": "b"}]}`,
		"SelectObjectContent":                         `{"expression": "Select * from COSObject", "input": {"csv": {}}, "output": {"csv": {}}}`,
	}
}

// setConfiguration gives a request to put a configuration a valid document.
func setConfiguration(t *testing.T, m protoreflect.Message) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() == nil || f.IsList() || f.IsMap() {
			continue
		}
		for _, trip := range configTrips() {
			if doc := trip.empty(); doc.ProtoReflect().Descriptor().FullName() == f.Message().FullName() {
				r := newRandomizer(t, 1)
				r.valid(t, doc, func(doc proto.Message) { trip.fix(r, doc, true) })
				m.Set(f, protoreflect.ValueOfMessage(doc.ProtoReflect()))
			}
		}
	}
}
